-- Format 1: traps that were taken in, silences, how far sources have come, and the last mark.

-- The order of `sequence` is that in which traps were first told. `kept`: monitors can have it still.
CREATE TABLE trap (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kept INTEGER NOT NULL,
  json TEXT NOT NULL
);
CREATE INDEX trap_kept ON trap (sequence) WHERE kept = 1;

CREATE TABLE silence (id TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE cursor (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE mark (value INTEGER NOT NULL);
INSERT INTO mark VALUES (0);
