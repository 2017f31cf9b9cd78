#!/usr/bin/env bash
# Installs the Debian packages that Windrow's tests and examples use. Needs root (or sudo) and apt;
# does nothing when all of them are there.
set -euo pipefail

packages=(
  gcc libc6-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
  curl jq parallel gzip bzip2 xz-utils zstd sqlite3 python3 procps zsh fish
  bubblewrap crun util-linux e2fsprogs attr squashfs-tools squashfuse
  openssh-client openssh-server iproute2 iputils-ping nftables netcat-openbsd
  systemd nginx-light strace squid chromium qemu-utils
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get -qq update
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
