#!/usr/bin/env bash
# Makes a package of another version out of a package: with another program in it, as the version before had it. Tests of
# upgrades need such a package, and do not have to build the old source for it.
# usage: repack_deb.sh DEB PROGRAM VERSION OUTPUT.deb
set -euo pipefail
[ $# -eq 4 ] || { echo "usage: repack_deb.sh DEB PROGRAM VERSION OUTPUT.deb" >&2; exit 2; }
deb=$1 program=$2 version=$3 output=$4

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
dpkg-deb -R "$deb" "$root"
install -m 755 "$program" "$root/usr/bin/holdfast"
strip --strip-unneeded "$root/usr/bin/holdfast"
sed -i "s/^Version: .*/Version: $version/" "$root/DEBIAN/control"
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
dpkg-deb --root-owner-group -Zxz -z1 -b "$root" "$output" >/dev/null
