-- How far are the event logs written?
SELECT path, through, byte_count AS bytes FROM event_log
