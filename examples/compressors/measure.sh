#!/bin/bash
# measure.sh COMPRESSOR LEVEL FILE: compresses FILE and back, and leaves one line in each of the
# files original_bytes, compressed_bytes, compress_ms, decompress_ms (CPU time) and digest (SHA-256
# of what came back).
set -euo pipefail
TIMEFORMAT='%U %S'
compressor=$1 level=$2 file=$3

milliseconds() { awk '{ printf "%d\n", ($1 + $2) * 1000 }'; }

wc -c <"$file" >original_bytes
{ time "$compressor" -c "-$level" <"$file" >packed; } 2>&1 | milliseconds >compress_ms
{ time "$compressor" -d -c <packed >unpacked; } 2>&1 | milliseconds >decompress_ms
wc -c <packed >compressed_bytes
sha256sum <unpacked | cut -d ' ' -f 1 >digest
