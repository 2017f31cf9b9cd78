-- Which jobs are there?
SELECT id, spec, lineage, key, key_parts AS keyParts, row_count AS rows, columns, state,
  state_reason AS stateReason, state_actor AS stateActor, state_at_ms AS stateAtMs,
  submitted_at_ms AS submittedAtMs, results_segment AS resultsSegment,
  results_bytes AS resultsBytes, collected_at_ms AS collectedAtMs, published, emptied
FROM job ORDER BY id
