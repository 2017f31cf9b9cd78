-- How far have the sources come?
SELECT name, text FROM cursor
