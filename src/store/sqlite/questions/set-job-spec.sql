-- A continued job was given new settings. Parameters: spec (JSON), job.
UPDATE job SET spec = ? WHERE id = ?
