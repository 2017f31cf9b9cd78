-- An event log is written so far. Parameters: path, sequence, bytes.
INSERT INTO event_log (path, through, byte_count) VALUES (?, ?, ?)
ON CONFLICT (path) DO UPDATE SET through = excluded.through, byte_count = excluded.byte_count
