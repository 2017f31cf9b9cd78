-- Format 15: how far each event log of jobs is written.

CREATE TABLE event_log (
  path TEXT PRIMARY KEY,
  through INTEGER NOT NULL,
  byte_count INTEGER NOT NULL
) WITHOUT ROWID;
