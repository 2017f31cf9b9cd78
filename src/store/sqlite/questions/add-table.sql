-- Remembers an uploaded parameter table. Parameters: id, format, file, rows, columns (JSON), time.
INSERT INTO parameter_table (id, format, file, row_count, columns, added_at_ms) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET file = excluded.file, added_at_ms = excluded.added_at_ms
