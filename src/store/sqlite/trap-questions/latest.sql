-- Which traps came last? Newest first. Parameters: most rows.
SELECT json FROM trap ORDER BY sequence DESC LIMIT ?
