-- Nothing of a removed job's results is needed any more. Parameter: job.
UPDATE job SET emptied = 1, results_segment = NULL, results_bytes = NULL WHERE id = ?
