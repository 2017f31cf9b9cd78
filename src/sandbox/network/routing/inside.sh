#!/bin/sh
# Sets up the attempts' own ends. Arguments, two for each network: its namespace, and what ip(8) is
# to do in it, a command a line.
#
# Anybody may send echo requests: ping needs no privilege for that where its group is in the range
# (icmp(7)), and new namespaces begin with none in it.
set -eu
while [ $# -gt 0 ]; do
  nsenter "--net=/run/netns/$1" -- sh -c \
    'echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range; exec ip -batch -' <<IP
$2
IP
  shift 2
done
