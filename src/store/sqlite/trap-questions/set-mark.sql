-- A mark that no given one is greater than. Parameters: mark.
UPDATE mark SET value = ?
