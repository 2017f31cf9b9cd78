-- Ids of the traps that came last, oldest first. Parameters: most rows.
SELECT id FROM (SELECT sequence, id FROM trap ORDER BY sequence DESC LIMIT ?) ORDER BY sequence
