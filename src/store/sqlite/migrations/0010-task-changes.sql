-- Format 10: changes of tasks that are no ends of attempts, in one order with them; and what became of
-- the task by the end of an attempt.

CREATE TABLE task_change (
  sequence INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  kind TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  hold_code INTEGER,
  hold_subcode INTEGER,
  tasks TEXT NOT NULL,
  ticket INTEGER,
  worker TEXT NOT NULL,
  is_mass INTEGER NOT NULL
);
CREATE INDEX task_change_by_job ON task_change (job);
CREATE INDEX task_change_mass ON task_change (job) WHERE is_mass = 1;

ALTER TABLE attempt ADD COLUMN next TEXT;
