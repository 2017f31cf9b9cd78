-- Which silences hold?
SELECT json FROM silence
