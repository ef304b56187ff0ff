#!/usr/bin/env python3
"""Checks the source: format, include arrows, sizes, names, words, scripts, stray paths, and clang-tidy on what changed.

It needs a configured build (build/release/compile_commands.json) and no program. `make lint` brings both and what it runs.

usage: lint.py [--all] [--base BRANCH]
"""
import argparse
import pathlib
import re
import subprocess
import sys

import lint_arrows
import lint_names
import lint_tidy
import lint_words

ROOT = pathlib.Path(__file__).resolve().parent.parent
FORMAT = "clang-format-19"  # the version that all three distributions have, as of clang-tidy
MACHINE_PATH = re.compile(r"(?<![\w.~:/-])/(?:root|work|home/[a-z]+|tmp/build)[/-]")
LONGEST_LINE = 130  # of scripts; clang-format sees to C++

MOST_LINES = 400
# Files that were longer when the limit came, with their length: they may only shrink. Remove a line once its file fits.
SLACK = 20  # a file may be this much below its line here before the line must follow
LONG_FILES = {
    "src/app/arguments.cpp": 507,
    "src/audit/mp4_reader.cpp": 455,
    "src/recording/output.cpp": 425,
    "src/recording/session.cpp": 454,
    "src/rtp/receive_stream.cpp": 445,
}


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
    return of_command(FORMAT, "--dry-run", "-Werror", *files("*.cpp", "*.hpp"))


def include_arrows():
    return lint_arrows.wrong()


def file_sizes():
    """A production file does one thing: it has MOST_LINES at most, and those of LONG_FILES never grow."""
    return wrong_sizes({name: len((ROOT / name).read_text().splitlines())
                        for name in files("src/*.cpp", "src/*.hpp", "bench/*.cpp", "bench/*.hpp")
                        if not pathlib.PurePath(name).stem.endswith("_test")}, LONG_FILES)


def wrong_sizes(lines, ceilings):
    """lines: file -> its length now; ceilings: what the long ones may have, which follows them down."""
    wrong = []
    for name, length in lines.items():
        most = ceilings.get(name, MOST_LINES)
        if length > most:
            wrong.append(f"{name}: {length} lines, at most {most}: cut it into files that each do one thing")
    for name, most in ceilings.items():
        length = lines.get(name, 0)
        if length <= MOST_LINES:
            wrong.append(f"scripts/lint.py: LONG_FILES: {name} has {length} lines now: remove its line")
        elif length < most - SLACK:
            wrong.append(f"scripts/lint.py: LONG_FILES: {name} has shrunk: write {length} instead of {most}")
    return wrong


def plain_words():
    return lint_words.wrong()


def names_and_links():
    return lint_names.wrong()


def shell_scripts():
    return of_command("shellcheck", *files("*.sh", ".ci/run"))


def python_scripts():
    """Names that are undefined or unused, by pyflakes, and lines too long for a reader."""
    wrong = of_command("pyflakes3", *files("*.py"))
    for name in files("*.py", "*.sh"):
        wrong += [f"{name}:{number}: {len(line)} columns, at most {LONGEST_LINE}"
                  for number, line in enumerate((ROOT / name).read_text().splitlines(), 1) if len(line) > LONGEST_LINE]
    return wrong


def script_tests():
    """The checks themselves are held by tests/scripts, under the distribution's Python, which has pytest."""
    return of_command("/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/scripts")


def machine_paths():
    """A file of the project names no folder of the machine that it was written on."""
    wrong = []
    for name in files():
        text = (ROOT / name).read_bytes().decode("utf-8", "ignore")
        wrong += [f"{name}:{number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1)
                  if MACHINE_PATH.search(line)]
    return wrong


CHECKS = (cpp_format, include_arrows, file_sizes, names_and_links, plain_words, shell_scripts, python_scripts,
          script_tests, machine_paths)


def report(name, wrong, note=""):
    print(f"lint: {name}: {'FAILED' if wrong else 'ok'}{f' ({note})' if note else ''}", flush=True)
    for line in wrong:
        print(line)
    return bool(wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="clang-tidy checks every source, not only the changed ones")
    parser.add_argument("--base", default="origin/main", help="the branch that changes are counted from")
    asked = parser.parse_args()
    failed = [report(check.__name__.replace("_", " "), check()) for check in CHECKS]
    failed.append(report("clang-tidy", *lint_tidy.wrong(asked.all, asked.base)))
    print(f"{failed.count(False)} passed, {failed.count(True)} failed")
    return 1 if any(failed) else 0


if __name__ == "__main__":
    sys.exit(main())
