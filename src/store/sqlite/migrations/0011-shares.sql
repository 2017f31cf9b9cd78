-- Format 11: what owners have used of late, so that a restart does not make all of them equal.

CREATE TABLE share (
  owner TEXT PRIMARY KEY,
  average_cpus REAL NOT NULL,
  at_ms INTEGER NOT NULL
) WITHOUT ROWID;
