-- Format 13: how inputs of an attempt came that were brought from elsewhere, as JSON; null for none.

ALTER TABLE attempt ADD COLUMN inputs TEXT;
