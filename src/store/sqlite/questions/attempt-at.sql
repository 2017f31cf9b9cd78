-- How did the attempt end that was so many-th to end? Parameter: sequence.
SELECT sequence, ticket, job, task, number, worker, cause, exit_code AS exitCode, signal, reason, signature,
  started_at_ms AS startedAtMs, ended_at_ms AS endedAtMs, wall_ms AS wallMs,
  cpu_user_ms AS cpuUserMs, cpu_system_ms AS cpuSystemMs, memory_peak_bytes AS memoryPeakBytes,
  io_read_bytes AS ioReadBytes, io_write_bytes AS ioWriteBytes, context_switches AS contextSwitches,
  tasks_peak AS tasksPeak, disk_bytes AS diskBytes, usage_source AS usageSources, segment, byte_offset AS byteOffset,
  byte_count AS byteCount, reused_from AS reusedFrom, accepted, walls, network, next, asked, inputs
FROM attempt WHERE sequence = ?
