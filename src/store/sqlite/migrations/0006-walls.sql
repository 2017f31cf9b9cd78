-- Format 6: which walls an attempt had, as JSON; null for the many that had none.

ALTER TABLE attempt ADD COLUMN walls TEXT;
