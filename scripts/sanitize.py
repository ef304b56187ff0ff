#!/usr/bin/env python3
"""Builds and runs the unit tests under sanitizers: all of them, or a share that goes round with the commits.

usage: sanitize.py san|tsan [--share N]    --share 4: a fourth of the test programs, another one for each commit
"""
import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(*command):
    return subprocess.run(command, cwd=ROOT).returncode


def test_programs(preset):
    """The test programs of a configured build, by the tests that ctest knows."""
    shown = subprocess.run(["ctest", "--preset", preset, "--show-only=json-v1"], cwd=ROOT, text=True,
                           capture_output=True, check=True).stdout
    return sorted({test["name"].split(".")[0] for test in json.loads(shown)["tests"]})


def share_of(names, share):
    """Every share-th name. Commits differ in which one comes first, so that all have their turn."""
    counted = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=ROOT, text=True, capture_output=True, check=True)
    return names[int(counted.stdout) % share::share]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", choices=("san", "tsan"))
    parser.add_argument("--share", type=int, default=1)
    options = parser.parse_args()
    if run("cmake", "--preset", options.preset, "--log-level=WARNING"):
        return 1
    chosen = share_of(test_programs(options.preset), options.share)
    print(f"{options.preset}: {', '.join(chosen)}", flush=True)
    if run("cmake", "--build", "--preset", options.preset, "--target", *(f"{name}_test" for name in chosen)):
        return 1
    return run("ctest", "--preset", options.preset, "--tests-regex", f"^({'|'.join(chosen)})($|\\.)")


if __name__ == "__main__":
    sys.exit(main())
