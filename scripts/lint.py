#!/usr/bin/env python3
"""Checks the source: format, include arrows, scripts, stray paths, and clang-tidy on the files changed since a base.

usage: lint.py [BASE]     BASE: a commit; by default where this branch left origin/main, else the commit before.
"""
import ast
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

import lint_arrows

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"  # the first clang that sees std::expected in g++'s library
TIDY_SECONDS = float(os.environ.get("HOLDFAST_TIDY_SECONDS", "150"))
MACHINE_PATH = re.compile(r"(?<![\w.~:/-])/(?:root|work|home/[a-z]+|tmp/build)[/-]")


def run(*command):
    return subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def files(*patterns):
    """The project's files, committed or about to be."""
    listed = run("git", "ls-files", "-co", "--exclude-standard", "--", *patterns).stdout.split("\n")
    return sorted(name for name in set(listed) if name and (ROOT / name).is_file())


def of_command(*command):
    done = run(*command)
    return [done.stdout.strip() or f"{command[0]} exited {done.returncode}"] if done.returncode else []


def cpp_format():
    return of_command("clang-format", "--dry-run", "-Werror", *files("*.cpp", "*.hpp"))


def include_arrows():
    return lint_arrows.wrong()


def shell_scripts():
    return of_command("shellcheck", *files("*.sh", ".ci/run"))


def python_scripts():
    wrong = []
    for name in files("*.py"):
        try:
            ast.parse((ROOT / name).read_text(), name)
        except SyntaxError as error:
            wrong.append(f"{name}:{error.lineno}: {error.msg}")
    return wrong


def machine_paths():
    """A file of the project names no folder of the machine that it was written on."""
    wrong = []
    for name in files():
        text = (ROOT / name).read_bytes().decode("utf-8", "ignore")
        wrong += [f"{name}:{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1)
                  if MACHINE_PATH.search(line)]
    return wrong


def changed_sources(base):
    head = run("git", "rev-parse", "HEAD").stdout.strip()
    for candidate in (base, run("git", "merge-base", "HEAD", "origin/main").stdout.strip(), "HEAD~1"):
        found = run("git", "rev-parse", "-q", "--verify", f"{candidate}^{{commit}}")
        if candidate and found.returncode == 0 and found.stdout.strip() != head:
            changed = run("git", "diff", "--name-only", "--diff-filter=d", candidate, "--", "src").stdout.split()
            fresh = run("git", "ls-files", "-o", "--exclude-standard", "--", "src").stdout.split()
            return sorted(name for name in {*changed, *fresh} if name.endswith(".cpp"))
    return files("src/*.cpp")


def tidy(base):
    """Returns what is wrong, and how many of the changed files the time was enough for."""
    changed = changed_sources(base)
    if changed:  # start at a place that moves with the commit: a large change is covered over several runs
        start = int(run("git", "rev-parse", "HEAD").stdout[:6], 16) % len(changed)
        changed = changed[start:] + changed[:start]
    until = time.monotonic() + TIDY_SECONDS

    def one(name):
        if time.monotonic() > until:
            return None
        return of_command(TIDY, "--quiet", "-p", "build/release", "--extra-arg=-Wno-unknown-warning-option", name)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = [result for result in pool.map(one, changed) if result is not None]
    return [line for result in results for line in result], f"{len(results)} of {len(changed)} changed files"


def report(name, wrong, note=""):
    print(f"lint: {name}: {'FAILED' if wrong else 'ok'}{f' ({note})' if note else ''}", flush=True)
    for line in wrong:
        print(line)
    return bool(wrong)


def main():
    failed = [report(check.__name__.replace("_", " "), check())
              for check in (cpp_format, include_arrows, shell_scripts, python_scripts, machine_paths)]
    failed.append(report("clang-tidy", *tidy(sys.argv[1] if len(sys.argv) > 1 else "")))
    print(f"{failed.count(False)} passed, {failed.count(True)} failed")
    return 1 if any(failed) else 0


if __name__ == "__main__":
    sys.exit(main())
