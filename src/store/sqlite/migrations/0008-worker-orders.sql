-- Format 8: what people have told a worker to do holds over a restart of the server.

ALTER TABLE worker ADD COLUMN ordered TEXT;
