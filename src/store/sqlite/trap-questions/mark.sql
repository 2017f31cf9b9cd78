-- Up to which mark may some have been given out?
SELECT value FROM mark
