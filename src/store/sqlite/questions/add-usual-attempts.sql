-- Remembers good ends with nothing special about them, as nearly all are: what they have in common stands
-- here. The row of values is repeated for each. Parameters: those of `usualCells`, in order.
INSERT INTO attempt (
  sequence, ticket, job, task, number, worker, started_at_ms, ended_at_ms, wall_ms, cpu_user_ms,
  cpu_system_ms, memory_peak_bytes, io_read_bytes, io_write_bytes, context_switches, tasks_peak,
  disk_bytes, usage_source, segment, byte_offset, byte_count, walls,
  cause, exit_code, reason, signature, accepted, next
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'ok', 0, '', '', 1, 'done')
