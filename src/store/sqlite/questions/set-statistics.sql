-- Keeps a job's statistics. Parameters: job, sequence of the last attempt in them, JSON.
INSERT INTO job_statistics (job, through, json) VALUES (?, ?, ?)
ON CONFLICT (job) DO UPDATE SET through = excluded.through, json = excluded.json
