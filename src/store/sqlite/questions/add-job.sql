-- Adds a job. Parameters: the columns of `job`, in order.
INSERT INTO job (
  id, spec, lineage, key, key_parts, row_count, columns, state, state_reason, state_actor,
  state_at_ms, submitted_at_ms, results_segment, results_bytes, collected_at_ms,
  published, emptied
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
