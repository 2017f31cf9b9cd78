-- The greatest mark that was given out. Parameters: mark.
UPDATE mark SET value = ?
