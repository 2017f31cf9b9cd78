-- A job's outputs were written. Parameters: time, files, job.
UPDATE job SET collected_at_ms = ?, published = ? WHERE id = ?
