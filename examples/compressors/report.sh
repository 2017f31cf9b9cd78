#!/bin/sh
# report.sh RESULTS.CSV: every compressor and level over all files, the best ratio first, then the
# best by ratio and by speed.
set -eu
LC_ALL=C
export LC_ALL

# The file's name, which may be quoted, is the third column; the numbers follow it.
summary=$(
  awk -F , '
    NR > 1 {
      key = $1 " -" $2
      original[key] += $4; packed[key] += $5; pack[key] += $6; unpack[key] += $7
    }
    function speed(bytes, ms) { return bytes / 1000 / (ms > 0 ? ms : 1) }
    END {
      for (key in original)
        printf "%-10s %6.2f %10.1f %10.1f\n", key, original[key] / packed[key],
          speed(original[key], pack[key]), speed(original[key], unpack[key])
    }' "$1" | sort -k 3,3nr
)

printf '%-10s %6s %10s %10s\n' compressor ratio 'MB/s in' 'MB/s out'
printf '%s\n' "$summary"
printf '%s\n' "$summary" | awk '{ print $1, $2, "(" $3 ")" }' | head -n 1 | sed 's/^/best ratio: /'
printf '%s\n' "$summary" | sort -k 4,4nr | awk '{ print $1, $2, "(" $4 " MB/s)" }' | head -n 1 | sed 's/^/fastest: /'
