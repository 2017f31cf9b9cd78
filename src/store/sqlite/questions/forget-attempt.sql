-- Forgets the end of a lost attempt that came back. Parameters: job, task, ticket.
DELETE FROM attempt WHERE job = ? AND task = ? AND ticket = ?
