-- Writes the state bytes of one segment of tasks. Parameters: job, segment, bytes.
INSERT INTO task_states (job, segment, bytes) VALUES (?, ?, ?)
ON CONFLICT (job, segment) DO UPDATE SET bytes = excluded.bytes
