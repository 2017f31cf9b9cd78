-- A job changed its state. Parameters: state, reason, actor, time, job.
UPDATE job SET state = ?, state_reason = ?, state_actor = ?, state_at_ms = ? WHERE id = ?
