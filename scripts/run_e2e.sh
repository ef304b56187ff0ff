#!/usr/bin/env bash
# Runs tests/e2e against build/release/holdfast. Arguments go to pytest: test_crash.py, -k WORD, --prove.
#
# These tests measure times with other people's programs on a machine that may be busy with something else. What fails is
# run once more by itself, and both outcomes are shown; what fails twice has failed. The last line names what needed its
# second run: a test that stands there often is a fault of the test or of Holdfast.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=$PWD/build/e2e-cache
run=("$PWD/build/peers/venv/bin/python" -m pytest -o "cache_dir=$cache")
cd tests/e2e
if "${run[@]}" "$@"; then
  echo "e2e: no test needed a second run"
  exit 0
fi
again=$(python3 -c 'import json, sys; print(", ".join(json.load(open(sys.argv[1]))))' "$cache/v/cache/lastfailed")
echo "e2e: some tests failed; running those once more by themselves"
status=0
"${run[@]}" --last-failed --last-failed-no-failures=none "$@" || status=$?
echo "e2e: needed a second run: $again"
exit "$status"
