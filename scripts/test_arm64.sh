#!/usr/bin/env bash
# Cross-builds Holdfast for arm64 in a Debian 13 root, with Debian's multiarch packages, runs the unit tests under qemu-user
# and makes the package for arm64 (build/package/). Prints minutes and CPU seconds.
# usage: test_arm64.sh
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" != inside ]; then
  scripts/make_root.sh debian-13 arm64
  install -D scripts/test_arm64.sh build/roots/arm64/tmp/scripts/test_arm64.sh
  scripts/in_root.sh arm64 bash /tmp/scripts/test_arm64.sh inside
  mkdir -p build/package
  cp build/roots/arm64/holdfast/build/package/*_arm64.deb build/package/
  echo "arm64: $(ls build/package/*_arm64.deb)"
  exit 0
fi

timed() {
  local what=$1
  shift
  TIMEFORMAT="arm64: $what: %R s, %U + %S CPU seconds (user + system)"
  time "$@"
}
install_all() {
  dpkg --add-architecture arm64
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends git make ca-certificates >/dev/null 2>&1
  git config --global --add safe.directory '*'
  git clone -q /mnt/source /holdfast
  /holdfast/scripts/install_packages.sh arm64
}
build() {
  cmake --preset arm64
  cmake --build --preset arm64 --target all
}
timed "install packages" install_all >/tmp/install.log 2>&1 || { tail -20 /tmp/install.log; exit 1; }
cd /holdfast
timed "build with tests" build >/tmp/build.log 2>&1 || { tail -40 /tmp/build.log; exit 1; }
timed "unit tests under qemu-user" ctest --preset arm64 -j "$(nproc)" | tail -20
cmake --build --preset arm64 --target package | tail -1
