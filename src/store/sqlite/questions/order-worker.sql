-- What a worker was told to do, as JSON, or nothing. Parameters: order, worker.
UPDATE worker SET ordered = ? WHERE id = ?
