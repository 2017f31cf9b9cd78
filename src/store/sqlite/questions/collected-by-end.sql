-- Where are a job's accepted results, in the order they came? Parameters: sequence, job, most rows.
SELECT sequence, task, ticket, segment, byte_offset AS byteOffset, byte_count AS byteCount, reused_from AS reusedFrom
FROM attempt INDEXED BY attempt_by_job WHERE sequence > ? AND job = ? AND accepted = 1 ORDER BY sequence LIMIT ?
