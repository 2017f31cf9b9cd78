-- What are a job's statistics, and up to which attempt? Parameter: job.
SELECT through, json FROM job_statistics WHERE job = ?
