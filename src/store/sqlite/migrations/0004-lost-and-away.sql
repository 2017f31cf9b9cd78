-- Format 4: the attempts of lost workers are found without reading all of a job's, and a worker that
-- may be away for long keeps its time over a restart.

CREATE INDEX attempt_lost ON attempt (job) WHERE cause = 'worker-lost';
ALTER TABLE worker ADD COLUMN away_ms INTEGER NOT NULL DEFAULT 0;
