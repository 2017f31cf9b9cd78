-- Remembers how an attempt ended. Parameters: the columns named below, in order.
INSERT INTO attempt (
  sequence, ticket, job, task, number, worker, cause, exit_code, signal, reason, signature, started_at_ms,
  ended_at_ms, wall_ms, cpu_user_ms, cpu_system_ms, memory_peak_bytes, io_read_bytes,
  io_write_bytes, context_switches, tasks_peak, disk_bytes, usage_source,
  segment, byte_offset, byte_count, reused_from, accepted, walls, network, next, asked, inputs
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
