-- Remembers attempts given to a worker. Parameters: first ticket, job, worker, its name, tasks (JSON), time.
INSERT INTO attempts_in_flight (first_ticket, job, worker, worker_name, tasks, granted_at_ms)
VALUES (?, ?, ?, ?, ?, ?)
