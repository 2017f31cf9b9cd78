# First process of a host of test/field/hosts.ts, in namespaces of its own. It ends with its stdin,
# and everything on the host ends with it, also when the test is killed.
# Arguments: directory of the host, its name, number, address, pid of the head, checkout, sshd (yes|no).
set -eu
dir=$1 name=$2 number=$3 address=$4 head=$5 checkout=$6 with_sshd=$7
exec 9>>"$dir/sshd.log"

# /proc is still the outer one here, so the head is found; `netns 1` is this process.
# The wire of the host's last life may not have been cleared away yet.
nsenter --net="/proc/$head/ns/net" ip link del "veth$number" 2>/dev/null || true
nsenter --net="/proc/$head/ns/net" ip -batch - <<BATCH
link add veth$number type veth peer name eth0 address $(printf 02:00:00:00:00:%02x "$number") netns 1
link set veth$number master hub up
BATCH
ip -batch - <<BATCH
link set lo up
addr add $address/24 dev eth0
link set eth0 up
BATCH

hostname "$name"
for file in passwd group shadow hosts nsswitch.conf resolv.conf; do
  mount --bind "$dir/etc/$file" "/etc/$file"
done
for place in run home srv mnt; do mount -t tmpfs -o mode=755 "$place" "/$place"; done
mkdir /home/ada /mnt/windrow /run/sshd
mount --bind "$dir/home" /home/ada
mount --bind "$checkout" /mnt/windrow
for shared in "$dir"/shared/*; do
  [ -e "$shared" ] || continue
  mkdir "/srv/${shared##*/}"
  mount --bind "$(readlink -f "$shared")" "/srv/${shared##*/}"
done
cp "$dir/sshd_config" "$dir/sshd_key" /run/
mount -t proc proc /proc
mount --bind "$dir/boot_id" /proc/sys/kernel/random/boot_id
. "$dir/setup.sh"
mount --bind "$dir/tmp" /var/tmp
mount --bind "$dir/tmp" /tmp
cd /
if [ "$with_sshd" = yes ]; then
  /usr/sbin/sshd -D -e -f /run/sshd_config </dev/null >/dev/null 2>&9 9>&- &
  until [ -s /run/sshd.pid ]; do sleep 0.01; done
fi
echo ready
while read -r _; do :; done
