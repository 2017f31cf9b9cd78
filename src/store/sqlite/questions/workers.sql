-- Which workers were ever seen?
SELECT id, name, platform, slots, first_seen_ms AS firstSeenMs, last_seen_ms AS lastSeenMs, away_ms AS awayMs,
  ordered
FROM worker
