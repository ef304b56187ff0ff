#!/usr/bin/env bash
# Installs the distribution packages that Holdfast needs, and does nothing when all are there.
# usage: install_packages.sh GROUP...       groups: build test lint package image arm64
#
#   build    to build and run the program
#   test     to run the end-to-end tests against other people's WebRTC, and to count instructions
#   lint     to check and format the source
#   package  to make the Debian package
#   image    to make the OCI image, and to test packages and images in roots of their own
#   arm64    to cross-build for arm64; needs `dpkg --add-architecture arm64` before it
set -euo pipefail

build_tools=(
  cmake ninja-build g++ pkg-config ccache git ca-certificates python3 protobuf-compiler libcli11-dev ffmpeg
)
# JSON and URL need Boost 1.81 or newer. Debian 12 has it next to its default of 1.74, under names of its own.
boost=(libboost-dev libboost-json-dev libboost-url-dev)
# shellcheck source=/dev/null
if [ "$(. /etc/os-release 2>/dev/null && echo "${ID:-}:${VERSION_ID:-}")" = debian:12 ]; then
  boost=(libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev)
fi
libraries=(
  "${boost[@]}"
  libssl-dev libsrtp2-dev libcurl4-openssl-dev
  libavformat-dev libavcodec-dev libavutil-dev libswresample-dev libswscale-dev
  libopus-dev libsqlite3-dev libprotobuf-dev
  libspdlog-dev libfmt-dev libtomlplusplus-dev
  libgtest-dev libgmock-dev
)
# Chromium, GStreamer and aiortc are the WHIP publishers, coturn is the TURN server; install_test_peers.sh adds the others.
test=(
  valgrind
  python3-venv python3-gi
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  gstreamer1.0-plugins-ugly gstreamer1.0-nice gir1.2-gst-plugins-base-1.0 gir1.2-gst-plugins-bad-1.0
  chromium fonts-dejavu-core
  iproute2 iptables
  coturn openssl curl jq rsync
)
# Version 19 of clang's tools is the one that Debian 12, Debian 13 and Ubuntu 24.04 all have.
lint=(
  clang-format-19 clang-tidy-19 git shellcheck pyflakes3 python3 python3-pytest
)
package=(
  dpkg-dev fakeroot file
)
image=(
  debootstrap umoci runc lintian
  util-linux iproute2 man-db ffmpeg
)
cross=(
  g++-aarch64-linux-gnu pkgconf dpkg-dev file qemu-user
)

wanted=()
for group in "$@"; do
  case $group in
    build) wanted+=("${build_tools[@]}" "${libraries[@]}") ;;
    test) wanted+=("${test[@]}") ;;
    lint) wanted+=("${lint[@]}") ;;
    package) wanted+=("${package[@]}") ;;
    image) wanted+=("${image[@]}") ;;
    arm64) wanted+=("${build_tools[@]}" "${cross[@]}" "${libraries[@]/%/:arm64}") ;;
    *) echo "install_packages.sh: unknown group '$group'; groups: build test lint package image arm64" >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install_packages.sh: there is no apt here. Install what Debian calls: ${wanted[*]}" >&2
  echo "Then build with: cmake --preset release && cmake --build --preset release --target holdfast" >&2
  exit 1
fi

missing=()
for name in "${wanted[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$name")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install_packages.sh: not root, and there is no sudo. As root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "Installing ${#missing[@]} packages: ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120)
"${apt[@]}" update -qq
"${apt[@]}" install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
