-- Format 2: the ends of one job's attempts are found in their order without passing over those of others.

CREATE INDEX attempt_by_job ON attempt (job);
