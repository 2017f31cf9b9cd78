-- Remembers a silence. Parameters: id, JSON.
INSERT INTO silence (id, json) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET json = excluded.json
