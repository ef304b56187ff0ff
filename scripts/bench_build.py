#!/usr/bin/env python3
"""What a build costs: CPU seconds of a clean build without compiler cache, and the time from a one-line change in some
folders to green unit tests. Takes commits, so that before and after come from one run.

usage: bench_build.py [COMMIT...]      by default HEAD; the trees lie in build/bench-build/
"""
import os
import pathlib
import resource
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TREES = ROOT / "build/bench-build"
# A file of each kind: of the most changed folder, of the media path, and a header that nearly everything includes.
CHANGES = ("src/app/service.cpp", "src/container/mpegts_muxer.cpp", "src/base/text.cpp", "src/base/result.hpp")


def run(tree, *command):
    """Wall seconds and CPU seconds (user and system) of a command that must succeed."""
    environment = {**os.environ, "CCACHE_DISABLE": "1"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, cwd=tree, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"bench_build.py: {' '.join(map(str, command))} failed in {tree}:\n{done.stdout[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def unit_tests(tree):
    """`make unit`, or what stood in its place before there was one."""
    if "\nunit:" in (tree / "Makefile").read_text():
        return run(tree, "make", "unit")
    return run(tree, "bash", "-c", "cmake --build --preset release && ctest --preset release")


def check_out(commit):
    tree = TREES / commit
    subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, capture_output=True)
    subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], cwd=ROOT, check=True)
    return tree


def measure(commit):
    tree = check_out(commit)

    def show(what, measured):
        wall, cpu = measured
        print(f"{commit[:12]}: {what}: {wall:.1f} s, {cpu:.1f} CPU seconds", flush=True)
    (tree / "build").mkdir()
    run(tree, "cmake", "--preset", "release")
    show("clean build of the program", run(tree, "cmake", "--build", "--preset", "release", "--target", "holdfast"))
    show("then make unit", unit_tests(tree))
    show("make unit, nothing changed", unit_tests(tree))
    for name in CHANGES:
        path = tree / name
        path.write_text(path.read_text() + "// one more line\n")
        show(f"make unit, a line in {name}", unit_tests(tree))
    subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


def resolve(name):
    found = subprocess.run(["git", "rev-parse", "--short=12", f"{name}^{{commit}}"], cwd=ROOT, text=True, capture_output=True)
    if found.returncode:
        sys.exit(f"bench_build.py: '{name}' is no commit of this repository")
    return found.stdout.strip()


def main():
    # All at once: a name such as HEAD may mean another commit an hour later.
    for commit in [resolve(name) for name in sys.argv[1:] or ["HEAD"]]:
        measure(commit)


if __name__ == "__main__":
    main()
