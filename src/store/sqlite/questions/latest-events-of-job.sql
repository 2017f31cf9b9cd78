-- What happened to a job lately? Parameters: job, most rows.
SELECT sequence, at_ms AS atMs, job, kind, actor, text FROM event
WHERE job = ? ORDER BY sequence DESC LIMIT ?
