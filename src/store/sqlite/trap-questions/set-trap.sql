-- Remembers a trap, or what changed in it. Parameters: id, kept, JSON.
INSERT INTO trap (id, kept, json) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET kept = excluded.kept, json = excluded.json
