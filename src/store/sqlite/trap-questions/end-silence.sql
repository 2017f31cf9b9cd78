-- Ends a silence. Parameters: id.
DELETE FROM silence WHERE id = ?
