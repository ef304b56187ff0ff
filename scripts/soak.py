#!/usr/bin/env python3
"""Runs the simulated scenarios with fresh random seeds for SOAK_MINUTES (default 10).

Stops at the first seed that fails, with its output and the command that replays it.
"""
import os
import pathlib
import random
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Each takes its first seed from HOLDFAST_SEED and their number from HOLDFAST_SEEDS.
SCENARIOS = [
    ("recording_test", "*RecoveryTest*", 4),
    ("control_test", "*LiveTest*", 20),
    ("rtp_test", "*ReceiveStreamNetworkTest*:*TransportFeedbackSeeds*", 40),
]


def run(program, tests, seed, count):
    """The failed test's output, or None."""
    seeds = {"HOLDFAST_SEED": str(seed), "HOLDFAST_SEEDS": str(count)}
    done = subprocess.run([ROOT / "build/release" / program, f"--gtest_filter={tests}", "--gtest_brief=1"],
                          env={**os.environ, **seeds}, capture_output=True, text=True)
    return None if done.returncode == 0 else done.stdout + done.stderr


def replay_command(program, tests, seed, count, output):
    named = re.search(r"HOLDFAST_SEED=(\d+)", output)
    failed = re.search(r"\[  FAILED  \] ([\w/.]+)", output)
    if named:
        seed, count = int(named[1]), 1
    return (f"HOLDFAST_SEED={seed} HOLDFAST_SEEDS={count} build/release/{program} "
            f"--gtest_filter='{failed[1] if failed else tests}'")


def main():
    end = time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES", "10"))
    rounds = 0
    while rounds == 0 or time.monotonic() < end:
        for program, tests, count in SCENARIOS:
            seed = random.randrange(1, 1 << 48)
            output = run(program, tests, seed, count)
            if output is not None:
                print(output)
                print(f"soak: failed after {rounds} rounds; replay with\n  "
                      + replay_command(program, tests, seed, count, output))
                return 1
        rounds += 1
    print(f"soak: {rounds} rounds with fresh seeds, no failures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
