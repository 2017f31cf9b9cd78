-- What has each owner used?
SELECT owner, average_cpus AS averageCpus, at_ms AS atMs FROM share
