#!/bin/sh
# The whole example: makes the table, runs the sweep, prints what it found.
set -eu
cd -- "$(dirname -- "$0")"
[ -s table.csv ] || ./table.sh >table.csv
../../bin/windrow run sweep.toml "$@"
echo
./report.sh results/results.csv
