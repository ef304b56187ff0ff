#!/usr/bin/env bash
# Every figure that the project promises, in full counts. Takes some hours; needs root for roots and network namespaces.
# usage: prove.sh [STEP...]    steps: lint unit sanitizers simulation e2e first_hour packages arm64 (all when none is named)
set -euo pipefail
cd "$(dirname "$0")/.."
distributions=(debian-12 debian-13 ubuntu-24.04)

lint() { python3 scripts/lint.py --all; }
unit() { cmake --build --preset release --target all load && ctest --preset release -j "$(nproc)"; }
sanitizers() { python3 scripts/sanitize.py san && python3 scripts/sanitize.py tsan; }
simulation() {
  cmake --build --preset release --target recording_test control_test
  HOLDFAST_PROVE=1 build/release/recording_test --gtest_filter='*Memory*:*Recovery*'
  HOLDFAST_PROVE=1 build/release/control_test --gtest_filter='*LiveTest*'
}
e2e() {
  cmake --build --preset release --target holdfast load
  scripts/run_e2e.sh --prove
}
first_hour() {
  scripts/install_packages.sh image
  for name in "${distributions[@]}"; do scripts/test_first_hour.sh "$name"; done
}
packages() {
  scripts/install_packages.sh package image
  scripts/test_packages.sh "${distributions[@]}"
  make image
  python3 scripts/test_image.py build/image
}
arm64() { scripts/install_packages.sh image && scripts/test_arm64.sh; }

steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(lint unit sanitizers simulation e2e first_hour packages arm64)
for step in "${steps[@]}"; do
  [ "$(type -t "$step")" = function ] || { echo "prove.sh: unknown step '$step'" >&2; exit 2; }
done
failed=()
for step in "${steps[@]}"; do
  echo "prove: $step"
  # A process of its own, so that each step stops at its first failure and the others still run.
  if [ -z "${HOLDFAST_PROVE_STEP:-}" ]; then
    HOLDFAST_PROVE_STEP=1 "$0" "$step" || failed+=("$step")
  else
    "$step"
  fi
done
[ -n "${HOLDFAST_PROVE_STEP:-}" ] && exit 0
echo "prove: ${#steps[@]} steps, failed: ${failed[*]:-none}"
[ ${#failed[@]} -eq 0 ]
