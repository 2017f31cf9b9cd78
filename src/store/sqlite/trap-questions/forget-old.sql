-- Forgets traps that are older than so many, unless monitors can have them. Parameters: how many.
DELETE FROM trap WHERE kept = 0 AND sequence <= (SELECT coalesce(max(sequence), 0) FROM trap) - ?
