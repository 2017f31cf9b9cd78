-- Nothing is special about a task any more. Parameters: job, task.
DELETE FROM task_note WHERE job = ? AND task = ?
