-- Deletes some notes of a job. Parameters: job, job, limit.
DELETE FROM task_note
WHERE job = ? AND task IN (SELECT task FROM task_note WHERE job = ? ORDER BY task LIMIT ?)
