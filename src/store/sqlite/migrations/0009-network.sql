-- Format 9: bytes that the rules of an attempt's network counted, as JSON; null where nobody counted.

ALTER TABLE attempt ADD COLUMN network TEXT;
