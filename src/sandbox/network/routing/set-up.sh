#!/bin/sh
# Joins networks of attempts to the outside by NAT and counts their bytes. The contract that this
# script and a site's own keep is in docs/guide/network.md.
#
# Arguments, four for each network: its identifier; its device, the machine's end of a pair whose
# other end is inside; an IPv4 and an IPv6 address that are kept for it, the last one perhaps ''.
set -eu
table="inet $WINDROW_TABLE"
refuse='counter goto refuse comment "Refused"'
answers='ct state established,related'
limit=
[ "$WINDROW_CONNECTIONS" = 0 ] || limit="ct state new ct count over $WINDROW_CONNECTIONS"

devices='' rules='' addresses=''
while [ $# -gt 0 ]; do
  id=$1 device=$2 address4=$3 address6=$4
  shift 4

  # A machine may forward only between the devices that it was told of. The kernel gives one byte
  # and no end of a line, so `read` says that it failed.
  forwarding=/proc/sys/net/ipv4/conf/$device/forwarding
  read -r is_on <"$forwarding" || :
  [ "$is_on" = 1 ] || echo 1 >"$forwarding"

  devices="$devices
addr add $WINDROW_GATEWAY4 peer $address4/32 dev $device
link set $device up"
  rules="$rules
add element $table masquerade4 { $address4 }"
  addresses="$addresses$id $address4 $WINDROW_GATEWAY4
"
  if [ -n "$address6" ]; then
    devices="$devices
addr add $WINDROW_GATEWAY6/128 dev $device nodad noprefixroute
route add $address6/128 dev $device"
    rules="$rules
add element $table masquerade6 { $address6 }"
    addresses="$addresses$id $address6 $WINDROW_GATEWAY6
"
  fi

  from="add rule $table $id iifname $device"
  to="add rule $table $id oifname $device $answers"
  rules="$rules
add chain $table $id
$from ip daddr @forbidden4 $refuse
$from ip6 daddr @forbidden6 $refuse
${limit:+$from $limit $refuse}
$from ip daddr @internal4 counter accept comment \"OutgoingInternal\"
$from ip6 daddr @internal6 counter accept comment \"OutgoingInternal\"
$from ip daddr @external4 counter accept comment \"OutgoingExternal\"
$from ip6 daddr @external6 counter accept comment \"OutgoingExternal\"
$to ip saddr @internal4 counter accept comment \"IncomingInternal\"
$to ip6 saddr @internal6 counter accept comment \"IncomingInternal\"
$to ip saddr @external4 counter accept comment \"IncomingExternal\"
$to ip6 saddr @external6 counter accept comment \"IncomingExternal\"
add rule $table $id oifname $device drop
add rule $table $id $refuse"
done

ip -batch - <<IP
$devices
IP
nft -f - <<NFT
$rules
NFT
printf %s "$addresses"
