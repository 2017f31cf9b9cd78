-- How many ends of attempts and changes of tasks have there been? Also those that were deleted since count.
SELECT max(
  coalesce((SELECT max(sequence) FROM attempt), 0),
  coalesce((SELECT max(sequence) FROM task_change), 0),
  coalesce((SELECT value FROM counter WHERE name = 'last-sequence'), 0)
) AS value
