-- Which traps can monitors have? In the order in which they were first told.
SELECT json FROM trap WHERE kept = 1 ORDER BY sequence
