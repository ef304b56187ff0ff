#!/usr/bin/env bash
# Says what `make run` is about to do and about how long it takes, before anything is silent for minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

# CPU seconds of a build of the program without compiler cache, on a processor of 2023 (docs/performance.md).
build_seconds=180

if [ -x build/release/holdfast ]; then
  echo "Holdfast is built. Compiling what changed, then recording a synthetic stream."
  exit 0
fi
processors=$(nproc)
minutes=$(((build_seconds / processors + 59) / 60))
cat <<END
This takes about $((minutes + 2)) minutes the first time, and no time the next time:
  1. install the distribution's packages that are missing (apt-get, about 2 minutes)
  2. compile Holdfast with $processors processors (about $minutes minutes)
  3. record a synthetic stream and show it in one live line, until Ctrl+C
END
