#!/usr/bin/env bash
# Installs the distribution packages that Holdfast needs, and does nothing when all are there.
# usage: install_packages.sh [build] [test] [package]      (build and test when none is named)
set -euo pipefail

# To build and run the program.
build=(
  cmake ninja-build g++ pkg-config ccache git ca-certificates python3
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev
  libssl-dev libsrtp2-dev libcurl4-openssl-dev
  libavformat-dev libavcodec-dev libavutil-dev libswresample-dev libswscale-dev
  libopus-dev libsqlite3-dev libprotobuf-dev protobuf-compiler
  libspdlog-dev libfmt-dev libtomlplusplus-dev libcli11-dev
  libgtest-dev libgmock-dev
  ffmpeg
)
# To check the source and to run the end-to-end tests against other people's WebRTC.
# Chromium, GStreamer and aiortc are the WHIP publishers, coturn is the TURN server; the rest reaches us by install_test_peers.sh.
test=(
  clang-format clang-tidy-19 shellcheck valgrind
  python3-venv python3-gi
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  gstreamer1.0-plugins-ugly gstreamer1.0-nice gir1.2-gst-plugins-base-1.0 gir1.2-gst-plugins-bad-1.0
  chromium fonts-dejavu-core
  iproute2 iptables
  coturn openssl
)
# To make the Debian package and the OCI image, and to test them in roots of their own.
packaging=(
  dpkg-dev fakeroot file lintian
  debootstrap umoci runc qemu-user-static
  util-linux iproute2 man-db
)

declare -A wanted
for group in "${@:-build test}"; do
  for name in $group; do
    case $name in
      package) for package in "${packaging[@]}"; do wanted[$package]=1; done ;;
      build) for package in "${build[@]}"; do wanted[$package]=1; done ;;
      test) for package in "${test[@]}"; do wanted[$package]=1; done ;;
      *) echo "install_packages.sh: unknown group '$name'; say build, test or package" >&2; exit 2 ;;
    esac
  done
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install_packages.sh: no apt here. Install what Debian 12 calls: ${!wanted[*]}" >&2
  echo "and then build with: cmake --preset release && cmake --build --preset release" >&2
  exit 1
fi

missing=()
for package in "${!wanted[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install_packages.sh: not root and no sudo. As root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "Installing ${#missing[@]} packages: ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120)
"${apt[@]}" update -qq
"${apt[@]}" install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
