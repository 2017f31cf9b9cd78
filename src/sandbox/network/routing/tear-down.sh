#!/bin/sh
# Undoes what set-up.sh did, or as much of it as was done. The devices vanish after this, and their
# addresses with them.
#
# Arguments as those of set-up.sh.
set -eu
table="inet $WINDROW_TABLE"

# What is to be deleted is added first: then it is no fault that it was not there.
rules=
while [ $# -gt 0 ]; do
  id=$1 address4=$3 address6=$4
  shift 4
  rules="$rules
add element $table masquerade4 { $address4 }
delete element $table masquerade4 { $address4 }
add chain $table $id
flush chain $table $id
delete chain $table $id"
  [ -z "$address6" ] || rules="$rules
add element $table masquerade6 { $address6 }
delete element $table masquerade6 { $address6 }"
done

nft -f - <<NFT
$rules
NFT
