#!/usr/bin/env bash
# Runs tests/e2e against build/release/holdfast. Arguments go to pytest: test_crash.py, -k WORD, --prove.
set -euo pipefail
cd "$(dirname "$0")/../tests/e2e"
exec ../../build/peers/venv/bin/python -m pytest "$@"
