#!/usr/bin/env bash
# What a newcomer does first, in a fresh root with git and make only, from an empty compiler cache: `make run`, ended by
# Ctrl+C after some seconds of recording, then `make unit` and `make lint`. Prints the seconds and CPU seconds of each.
# usage: test_first_hour.sh debian-12|debian-13|ubuntu-24.04
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:?usage: test_first_hour.sh debian-12|debian-13|ubuntu-24.04}

if [ "${2:-}" != inside ]; then
  scripts/make_root.sh "$name"
  install -D scripts/test_first_hour.sh "build/roots/$name/tmp/scripts/test_first_hour.sh"
  exec scripts/in_root.sh "$name" bash /tmp/scripts/test_first_hour.sh "$name" inside
fi

timed() {
  local what=$1
  shift
  TIMEFORMAT="$name: $what: %R s, %U + %S CPU seconds (user + system)"
  time "$@"
}
# Shows the end of a command's output only if the command failed.
quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 || { tail -40 "$log"; return 1; }
}
prepare() {
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends git make ca-certificates >/dev/null 2>&1
  git config --global --add safe.directory '*'
  git clone -q /mnt/source /holdfast
}
# A job of its own, as a shell makes one, so that SIGINT reaches all of it as Ctrl+C does.
run_and_interrupt() {
  local log=/tmp/run.log
  set -m
  make -C /holdfast run >"$log" 2>&1 &
  local job=$!
  set +m
  until grep -q ' frames | ' "$log"; do
    kill -0 "$job" 2>/dev/null || { tail -20 "$log"; echo "$name: make run ended before it recorded"; return 1; }
    sleep 1
  done
  sleep 10
  kill -INT -- -"$job"
  wait "$job" || true
  sed 's/^/  /' "$log" | grep -E 'This takes|Recording to|Play it|video:|audio:| s, ' || true
  grep -q 'Play it: ' "$log" && grep -q 'video: h264' "$log" && grep -q 'audio: aac' "$log"
}

timed "install git and make, clone" prepare
timed "make run" run_and_interrupt
cd /holdfast
for target in unit unit lint; do
  log=/tmp/$target.log
  timed "make $target" quietly "$log" make "$target"
  grep -E '^lint: |% tests passed' "$log"
done
if command -v ccache >/dev/null; then ccache -s | grep -iE 'hits|misses' | head -2; fi
