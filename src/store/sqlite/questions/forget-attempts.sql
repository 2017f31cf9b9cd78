-- Deletes some attempts of a job. Parameters: job, limit.
DELETE FROM attempt WHERE sequence IN (SELECT sequence FROM attempt WHERE job = ? LIMIT ?)
