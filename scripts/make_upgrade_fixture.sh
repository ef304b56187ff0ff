#!/usr/bin/env bash
# Makes tests/golden/upgrade_COMMIT: a folder as the program of that commit leaves it when it is killed in the middle of
# recordings. Later versions must open, resume, verify and list it (src/app/upgrade_test.cpp).
#
# usage: scripts/make_upgrade_fixture.sh COMMIT
set -euo pipefail
cd "$(dirname "$0")/.."
commit=$(git rev-parse --short=7 "$1^{commit}")
tree=$PWD/build/fixture-$commit
scripts/install_packages.sh build
scripts/install_test_peers.sh
git worktree remove --force "$tree" 2>/dev/null || true
git worktree prune
git worktree add --quiet --detach "$tree" "$commit"
cmake -S "$tree" --preset release >/dev/null
cmake --build "$tree/build/release" --target holdfast
(cd tests/e2e && ../../build/peers/venv/bin/python make_upgrade_fixture.py "$tree/build/release/holdfast" \
  "../golden/upgrade_$commit")
git worktree remove --force "$tree"
