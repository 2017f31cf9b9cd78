-- Remembers how an attempt ended. Parameters: the columns of `attempt`, in order.
INSERT INTO attempt (
  sequence, ticket, job, task, number, worker, cause, exit_code, signal, reason, signature, started_at_ms,
  ended_at_ms, wall_ms, cpu_user_ms, cpu_system_ms, memory_peak_bytes, disk_bytes, usage_source,
  segment, byte_offset, byte_count, reused_from, accepted
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
