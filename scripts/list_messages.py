#!/usr/bin/env python3
"""Every log line and error of the last end-to-end tests, each once, with its numbers and names left out and its count.

To be read as an operator reads them: does each line say what happened, to which stream or file, and what to do?
usage: list_messages.py [FOLDER]      by default build/e2e
"""
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINE = re.compile(r"^\[[\d :.-]+\] \[(?P<level>debug|info|warning|error|critical)\] (?P<text>.*)$")
# What differs between two lines that say the same. Order matters: the longer first.
VARIABLE = [
    (r"joined room \S+", "joined room ROOM"),
    (r"\d{8}T\d{6}\.\d{3}Z", "TIME"),
    (r"/[\w./%-]+", "PATH"),
    (r"\b(?:wss?|https?)://\S+", "URL"),
    (r"\b\d+\.\d+\.\d+\.\d+(?::\d+)?", "ADDRESS"),
    (r"\b(?:PA|TR|RM|CO)_\w+", "SID"),
    (r"\b[0-9a-f]{8,}\b", "HEX"),
    (r"\d+(?:\.\d+)?", "N"),
]


def pattern_of(text):
    subject, colon, rest = text.partition(": ")
    if colon and " " not in subject:  # the stream or recording that the line is about
        text = f"STREAM: {rest}"
    for variable, name in VARIABLE:
        text = re.sub(variable, name, text)
    return text


def messages(folder):
    found = collections.Counter()
    for path in sorted(folder.rglob("*.log")):
        for line in path.read_text(errors="replace").splitlines():
            if match := LINE.match(line):
                found[match["level"], pattern_of(match["text"])] += 1
            elif line.startswith("holdfast"):
                found["command", pattern_of(line)] += 1
    return found


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/e2e"
    found = messages(folder)
    if not found:
        sys.exit(f"list_messages.py: no log lines below {folder}; run scripts/run_e2e.sh first")
    for (level, text), count in sorted(found.items()):
        print(f"{count:6} {level:8} {text}")
    print(f"{len(found)} different messages")


if __name__ == "__main__":
    main()
