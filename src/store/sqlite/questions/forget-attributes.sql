-- Deletes the attributes that programs of a job have set. Parameter: job.
DELETE FROM task_attribute WHERE job = ?
