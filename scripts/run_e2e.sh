#!/usr/bin/env bash
# Runs tests/e2e against build/release/holdfast. Arguments go to pytest: a test's name, -k WORD, --prove.
set -euo pipefail
cd "$(dirname "$0")/.."
exec build/peers/venv/bin/python -m pytest -c tests/e2e/pytest.ini --rootdir tests/e2e tests/e2e "$@"
