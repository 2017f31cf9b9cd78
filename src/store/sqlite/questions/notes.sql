-- What is special about a job's tasks? Parameters: job, first task, most rows.
SELECT note FROM task_note WHERE job = ? AND task >= ? ORDER BY task LIMIT ?
