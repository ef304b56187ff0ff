#!/usr/bin/env bash
# Makes a Debian package of a build, for the distribution and the architecture that the build is for.
# usage: build_package.sh BUILD_FOLDER [OUTPUT_FOLDER]      (by default build/package)
# prints the name of the package
set -euo pipefail
cd "$(dirname "$0")/.."
build=$1
output=${2:-build/package}

# The same commit gives the same bytes: the files in the package have the time of the commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
mkdir -p "$output"
rm -f "$output"/holdfast_*.deb
cmake "$build" >/dev/null
cmake --build "$build" --target holdfast holdfast_share >&2
log=$build/package.log
cpack --config "$build/CPackConfig.cmake" -B "$output" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
rm -rf "$output/_CPack_Packages"
ls "$output"/holdfast_*.deb
