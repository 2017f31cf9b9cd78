-- Remembers what an owner has used. Parameters: owner, CPUs on average, moment of the average.
INSERT INTO share (owner, average_cpus, at_ms) VALUES (?, ?, ?)
ON CONFLICT (owner) DO UPDATE SET average_cpus = excluded.average_cpus, at_ms = excluded.at_ms
