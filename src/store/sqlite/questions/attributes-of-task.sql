-- Which attributes have programs set in the ad of a task? Parameters: job, task.
SELECT name, expression FROM task_attribute WHERE job = ? AND task = ?
