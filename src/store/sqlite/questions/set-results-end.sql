-- A job's results are on disk up to here. Parameters: segment, bytes, job.
UPDATE job SET results_segment = ?, results_bytes = ? WHERE id = ?
