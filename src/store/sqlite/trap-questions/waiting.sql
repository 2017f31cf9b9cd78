-- Which traps hold and wait for room? In the order in which they were first told.
SELECT json FROM trap WHERE kept = 2 ORDER BY sequence
