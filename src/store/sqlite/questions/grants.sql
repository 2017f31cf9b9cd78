-- Which attempts may be in flight?
SELECT first_ticket AS firstTicket, job, worker, worker_name AS workerName, tasks, granted_at_ms AS grantedAtMs
FROM attempts_in_flight ORDER BY first_ticket
