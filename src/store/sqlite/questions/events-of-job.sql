-- What happened to a job after an event? Parameters: job, sequence, most rows.
SELECT sequence, at_ms AS atMs, job, kind, actor, text FROM event
WHERE job = ? AND sequence > ? ORDER BY sequence LIMIT ?
