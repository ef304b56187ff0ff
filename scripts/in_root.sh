#!/usr/bin/env bash
# Runs a command in a root of scripts/make_root.sh, in mount and process namespaces that end with it, so that no process
# and no mount stays. The project's commits are at /mnt/source there, read-only.
# usage: in_root.sh NAME COMMAND [ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD/build/roots/${1:?usage: in_root.sh NAME COMMAND...}
shift
if [ -z "${HOLDFAST_IN_NAMESPACE:-}" ]; then
  exec env HOLDFAST_IN_NAMESPACE=1 unshare --mount --pid --fork --kill-child "$0" "$(basename "$root")" "$@"
fi
mkdir -p "$root/mnt/source"
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
mount --bind -o ro "$PWD" "$root/mnt/source"
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
  DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
