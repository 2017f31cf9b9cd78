-- Keeps an attribute that a program has set. Parameters: job, task, lower-case name, name, expression.
INSERT INTO task_attribute (job, task, lower_name, name, expression) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (job, task, lower_name) DO UPDATE SET name = excluded.name, expression = excluded.expression
