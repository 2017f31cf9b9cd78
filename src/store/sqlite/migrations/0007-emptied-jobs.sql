-- Format 7: removed jobs give back their room; results that another job counts as its own do not.

ALTER TABLE job ADD COLUMN emptied INTEGER NOT NULL DEFAULT 0;

CREATE INDEX attempt_reused ON attempt (reused_from, job) WHERE reused_from IS NOT NULL;
