-- Does a job count results that lie with another one? Parameters: that other one, job.
SELECT 1 FROM attempt WHERE reused_from = ? AND job = ? LIMIT 1
