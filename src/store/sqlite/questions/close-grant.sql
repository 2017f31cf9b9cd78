-- All attempts of a grant have ended. Parameter: first ticket.
DELETE FROM attempts_in_flight WHERE first_ticket = ?
