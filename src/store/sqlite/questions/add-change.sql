-- Remembers a change of tasks. Parameters: the columns named below, in order.
INSERT INTO task_change (
  sequence, job, kind, at_ms, actor, reason, hold_code, hold_subcode, tasks, ticket, worker, is_mass
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
