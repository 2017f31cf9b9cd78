# The machine from which a test of test/field/hosts.ts acts: it holds the network that joins the
# hosts. Ends with its stdin. Argument: directory with its files of /etc.
set -eu
dir=$1
hostname head
for file in passwd hosts nsswitch.conf resolv.conf; do mount --bind "$dir/etc/$file" "/etc/$file"; done
ip -batch - <<BATCH
link set lo up
link add hub type bridge
addr add 10.77.0.1/24 dev hub
link set hub up
BATCH
echo ready
while read -r _; do :; done
