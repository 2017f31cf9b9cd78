-- What is special about a task? Parameters: job, task.
SELECT note FROM task_note WHERE job = ? AND task = ?
