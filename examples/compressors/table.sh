#!/bin/sh
# Writes the parameter table: each installed compressor and level, with some real files of this
# machine. The files are the largest below 1 MB of each folder of /usr/share, of the six folders
# where these are largest; every Debian has some.
set -eu
LC_ALL=C
export LC_ALL

files=$(
  find /usr/share -mindepth 2 -xdev -type f -readable -size +20k -size -1000k -printf '%s|%p\n' |
    grep -v '[",]' | sort -t '|' -k 1,1nr -k 2 |
    awk -F '|' '{ split($2, part, "/") } !seen[part[4]]++ && ++found <= 6 { print $2 }'
)

echo compressor,level,file
while read -r compressor levels; do
  command -v "$compressor" >/dev/null || continue
  for level in $levels; do
    printf '%s\n' "$files" | sed "s|.*|$compressor,$level,\"&\"|"
  done
done <<END
gzip 1 6 9
bzip2 1 9
xz 0 6
zstd 1 3 9 19
END
