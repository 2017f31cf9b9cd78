-- Which changes befell a job's tasks after one of them? Parameters: sequence, job, most rows.
SELECT sequence, job, kind, at_ms AS atMs, actor, reason, hold_code AS holdCode, hold_subcode AS holdSubcode,
  tasks, ticket, worker, is_mass AS isMass
FROM task_change INDEXED BY task_change_by_job WHERE sequence > ? AND job = ? ORDER BY sequence LIMIT ?
