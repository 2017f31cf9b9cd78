-- Format 5: which files a job's collection has put into its output directory, as JSON.

ALTER TABLE job ADD COLUMN published TEXT NOT NULL DEFAULT '[]';
