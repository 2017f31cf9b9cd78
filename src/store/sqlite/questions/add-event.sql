-- Remembers an event. Parameters: time, job, kind, actor, text.
INSERT INTO event (at_ms, job, kind, actor, text) VALUES (?, ?, ?, ?, ?)
