-- Remembers a worker. Parameters: id, name, platform, slots, first seen, last seen, time it may be away.
INSERT INTO worker (id, name, platform, slots, first_seen_ms, last_seen_ms, away_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, slots = excluded.slots, last_seen_ms = excluded.last_seen_ms
