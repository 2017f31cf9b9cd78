-- Deletes some changes of a job's tasks. Parameters: job, limit.
DELETE FROM task_change WHERE sequence IN (SELECT sequence FROM task_change WHERE job = ? LIMIT ?)
