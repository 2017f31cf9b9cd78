-- What does a counter say? Parameter: name.
SELECT value FROM counter WHERE name = ?
