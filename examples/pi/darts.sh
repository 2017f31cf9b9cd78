#!/bin/sh
# darts.sh SEED DARTS: throws darts at a square and prints how many hit the circle in it, and how
# many were thrown. Like much real software it is not reliable: depending on the seed and on the
# attempt it exits with an error, crashes, or says nothing.
set -eu
seed=$1 darts=$2

luck=$(printf '%s %s' "$seed" "$WINDROW_ATTEMPT" | cksum | awk '{ print $1 % 8 }')
case $luck in
0)
  echo "darts.sh: dart $seed fell off the wall" >&2
  exit 3
  ;;
1) kill -s SEGV $$ ;;
2) exit 0 ;;
esac

# The generator of Park and Miller: exact in the arithmetic of every awk, so that each seed gives
# the same darts everywhere.
awk -v seed="$seed" -v darts="$darts" '
  function random() { state = state * 16807 % 2147483647; return state / 2147483647 }
  BEGIN {
    state = seed * 7919 % 2147483647
    for (i = 0; i < 20; i++) random()
    for (i = 0; i < darts; i++) { x = random(); y = random(); if (x * x + y * y < 1) hits++ }
    print hits, darts
  }'
