-- Forgets an owner whose use is long ago. Parameters: owner.
DELETE FROM share WHERE owner = ?
