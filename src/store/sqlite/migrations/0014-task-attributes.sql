-- Format 14: attributes that running programs have set in the ads of their tasks; the task -1 is the job,
-- with the latest of each name.

CREATE TABLE task_attribute (
  job INTEGER NOT NULL,
  task INTEGER NOT NULL,
  lower_name TEXT NOT NULL,
  name TEXT NOT NULL,
  expression TEXT NOT NULL,
  PRIMARY KEY (job, task, lower_name)
) WITHOUT ROWID;
