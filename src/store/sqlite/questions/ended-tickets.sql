-- Which attempts of a run of tasks have ended? Parameters: job, first task, task after the last.
SELECT ticket FROM attempt WHERE job = ? AND task >= ? AND task < ?
