-- How many attempts have ended? Also those that were deleted since count.
SELECT max(
  coalesce((SELECT max(sequence) FROM attempt), 0),
  coalesce((SELECT value FROM counter WHERE name = 'last-sequence'), 0)
) AS value
