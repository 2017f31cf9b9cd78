-- Which changes stand for notes of their tasks? Parameters: job.
SELECT sequence, job, kind, at_ms AS atMs, actor, reason, hold_code AS holdCode, hold_subcode AS holdSubcode,
  tasks, ticket, worker, is_mass AS isMass
FROM task_change INDEXED BY task_change_mass WHERE job = ? AND is_mass = 1 ORDER BY sequence
