-- Which parameter tables are kept?
SELECT id, format, file, row_count AS rows, columns, added_at_ms AS addedAtMs FROM parameter_table
