-- Where are a job's accepted results, in table order? Parameters: job, task before, most rows.
SELECT sequence, task, ticket, segment, byte_offset AS byteOffset, byte_count AS byteCount, reused_from AS reusedFrom
FROM attempt INDEXED BY attempt_by_task WHERE job = ? AND task > ? AND accepted = 1 ORDER BY task LIMIT ?
