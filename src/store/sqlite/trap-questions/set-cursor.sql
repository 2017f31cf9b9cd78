-- How far has a source come? Parameters: name, text.
INSERT INTO cursor (name, text) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text
