#!/bin/sh
# Accepts an attempt when its darts are all there and their share is near that of a circle.
awk -v darts="$WINDROW_PARAM_DARTS" '
  NF != 2 || $2 != darts { exit 1 }
  { pi = 4 * $1 / $2; exit !(pi > 2.9 && pi < 3.4) }
' "$WINDROW_RESULT_DIR/hits" || {
  echo "these are no hits of $WINDROW_PARAM_DARTS darts: $(head -c 100 "$WINDROW_RESULT_DIR/hits")" >&2
  exit 1
}
