-- Format 12: what an attempt was given in place of what its job asks for, as JSON; null: nothing else.

ALTER TABLE attempt ADD COLUMN asked TEXT;
