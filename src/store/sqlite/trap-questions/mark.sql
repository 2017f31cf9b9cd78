-- Which mark was given out last?
SELECT value FROM mark
