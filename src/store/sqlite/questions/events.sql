-- What happened after an event? Parameters: sequence, most rows.
SELECT sequence, at_ms AS atMs, job, kind, actor, text FROM event WHERE sequence > ? ORDER BY sequence LIMIT ?
