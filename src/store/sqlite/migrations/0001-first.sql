-- Format 1: jobs, their tables, state bytes of tasks, attempts in flight and ended, notes, events.

CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE parameter_table (
  id TEXT PRIMARY KEY,
  format TEXT NOT NULL,
  file TEXT NOT NULL,
  row_count INTEGER NOT NULL,
  columns TEXT NOT NULL,
  added_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE job (
  id INTEGER PRIMARY KEY,
  spec TEXT NOT NULL,
  lineage TEXT NOT NULL,
  key TEXT NOT NULL,
  key_parts TEXT NOT NULL,
  row_count INTEGER NOT NULL,
  columns TEXT NOT NULL,
  state TEXT NOT NULL,
  state_reason TEXT NOT NULL,
  state_actor TEXT NOT NULL,
  state_at_ms INTEGER NOT NULL,
  submitted_at_ms INTEGER NOT NULL,
  results_segment INTEGER,
  results_bytes INTEGER,
  collected_at_ms INTEGER
);

CREATE TABLE task_states (
  job INTEGER NOT NULL,
  segment INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (job, segment)
) WITHOUT ROWID;

CREATE TABLE attempts_in_flight (
  first_ticket INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  worker TEXT NOT NULL,
  worker_name TEXT NOT NULL,
  tasks TEXT NOT NULL,
  granted_at_ms INTEGER NOT NULL
);

-- The row id is the order in which attempts ended.
CREATE TABLE attempt (
  sequence INTEGER PRIMARY KEY,
  ticket INTEGER NOT NULL,
  job INTEGER NOT NULL,
  task INTEGER NOT NULL,
  number INTEGER NOT NULL,
  worker TEXT NOT NULL,
  cause TEXT NOT NULL,
  exit_code INTEGER,
  signal TEXT,
  reason TEXT NOT NULL,
  signature TEXT NOT NULL,
  started_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER NOT NULL,
  wall_ms REAL NOT NULL,
  cpu_user_ms REAL,
  cpu_system_ms REAL,
  memory_peak_bytes INTEGER,
  disk_bytes INTEGER,
  usage_source TEXT NOT NULL,
  segment INTEGER,
  byte_offset INTEGER,
  byte_count INTEGER,
  reused_from INTEGER,
  accepted INTEGER NOT NULL
);
CREATE INDEX attempt_by_task ON attempt (job, task);

CREATE TABLE task_note (
  job INTEGER NOT NULL,
  task INTEGER NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (job, task)
) WITHOUT ROWID;

CREATE TABLE job_statistics (
  job INTEGER PRIMARY KEY,
  through INTEGER NOT NULL,
  json TEXT NOT NULL
);

CREATE TABLE event (
  sequence INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  job INTEGER,
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX event_by_job ON event (job, sequence);

CREATE TABLE worker (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  platform TEXT NOT NULL,
  slots INTEGER NOT NULL,
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL
) WITHOUT ROWID;
