-- Format 3: more figures of what an attempt used, and the source of each by a letter.

ALTER TABLE attempt ADD COLUMN io_read_bytes INTEGER;
ALTER TABLE attempt ADD COLUMN io_write_bytes INTEGER;
ALTER TABLE attempt ADD COLUMN context_switches INTEGER;
ALTER TABLE attempt ADD COLUMN tasks_peak INTEGER;
UPDATE attempt SET usage_source =
  CASE usage_source WHEN 'rusage' THEN 'rrr----' WHEN 'sampled' THEN 'sss----' ELSE '-------' END
  || CASE WHEN disk_bytes IS NULL THEN '-' ELSE 's' END;
