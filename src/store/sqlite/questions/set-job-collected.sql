-- A job's outputs were written. Parameters: time, job.
UPDATE job SET collected_at_ms = ? WHERE id = ?
