-- Remembers what is special about a task. Parameters: job, task, note (JSON).
INSERT INTO task_note (job, task, note) VALUES (?, ?, ?)
ON CONFLICT (job, task) DO UPDATE SET note = excluded.note
