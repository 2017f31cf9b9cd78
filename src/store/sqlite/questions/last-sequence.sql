-- How many attempts have ended?
SELECT coalesce(max(sequence), 0) AS value FROM attempt
