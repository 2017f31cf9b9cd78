-- Which segments of a job's tasks were ever touched? Parameter: job.
SELECT segment, bytes FROM task_states WHERE job = ? ORDER BY segment
