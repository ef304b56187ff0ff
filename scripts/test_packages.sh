#!/usr/bin/env bash
# Makes the Debian package in the root of each distribution and tests it there: installed, started as its unit says, a
# recording interrupted by an upgrade and resumed, removed, purged.
# usage: test_packages.sh debian-12|debian-13|ubuntu-24.04 ...
#
# The version before is this source built as 0.1.0. HOLDFAST_BEFORE names an older program instead (for one distribution).
set -euo pipefail
cd "$(dirname "$0")/.."

for name in "$@"; do
  root=build/roots/$name
  [ -x "$root/holdfast/build/release/holdfast" ] || scripts/test_first_hour.sh "$name"
  echo "$name: make package"
  scripts/in_root.sh "$name" git -C /holdfast pull -q  # a root that is kept has an older commit
  scripts/in_root.sh "$name" make -C /holdfast package >"build/roots/$name.package.log" 2>&1 ||
    { tail -20 "build/roots/$name.package.log" >&2; echo "test_packages.sh: $name: make package failed" >&2; exit 1; }
  mkdir -p "build/package/$name"
  cp "$root"/holdfast/build/package/*_amd64.deb "build/package/$name/"
  deb=$(find "build/package/$name" -name "holdfast_*_amd64.deb" ! -name "*_0.1.0_*")
  before=build/package/$name/holdfast_0.1.0_amd64.deb
  program=${HOLDFAST_BEFORE:-$root/tmp/holdfast-0.1.0}
  if [ -z "${HOLDFAST_BEFORE:-}" ]; then
    scripts/in_root.sh "$name" bash -ec 'cd /holdfast && cmake --preset release -DHOLDFAST_VERSION=0.1.0 &&
      cmake --build --preset release --target holdfast && cp build/release/holdfast /tmp/holdfast-0.1.0 &&
      cmake --preset release -U HOLDFAST_VERSION' >>"build/roots/$name.package.log" 2>&1
  fi
  scripts/repack_deb.sh "$deb" "$program" 0.1.0 "$before"
  python3 scripts/test_package.py "$root.base" "$deb" "$before"
done
