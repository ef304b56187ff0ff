#!/usr/bin/env python3
"""Prints how large the parts of the house are, of one or several commits side by side: files, functions, the largest folders with
their tests, and the classes that were too large once. Crude but the same for all: a function is what stands between a line that
opens a brace at column 0 or 2 and the one that closes it there.

usage: house_sizes.py [COMMIT...]     (without: the working tree)
"""
import io
import pathlib
import re
import statistics
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
NO_FUNCTION = re.compile(r"^\s*(namespace|struct|class|enum|union|extern|if|for|while|switch|do|else|try|template)\b")
CLASSES = {"Service": "app/service.hpp", "ControlPlane": "control/control_plane.hpp", "Recordings": "control/recordings.hpp",
           "Session": "recording/session.hpp", "Output": "recording/output.hpp"}


def tree(commit):
    """The C++ files below src: path -> lines."""
    if commit is None:
        return {str(path.relative_to(ROOT / "src")): path.read_text().splitlines()
                for path in (ROOT / "src").rglob("*.?pp")}
    archive = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name.removeprefix("src/"): tar.extractfile(member).read().decode().splitlines()
                for member in tar if member.isfile() and member.name.endswith((".cpp", ".hpp"))}


def is_test(name):
    return bool(re.search(r"(_test|_support)\.\wpp$|/test_", name)) or name.startswith("sim/")


def functions(lines):
    """The length of each, in lines."""
    lengths, begun = [], {}
    for number, line in enumerate(lines):
        for column in ("", "  "):
            if line.startswith(column + "}") and column in begun:
                lengths.append(number - begun.pop(column) + 1)
            elif line.startswith(column) and not line.startswith(column + " ") and "(" in line and not NO_FUNCTION.match(line):
                if line.rstrip().endswith("{") and column not in begun:
                    begun[column] = number
                elif line.rstrip().endswith("}") and "{" in line:
                    lengths.append(1)
    return lengths


def members(lines, name):
    """Functions and data members that a class declares."""
    text = "\n".join(lines)
    found = re.search(rf"^class {name}\b[^;{{]*{{\n(.*?)^}};", text, re.MULTILINE | re.DOTALL)
    if not found:
        return None
    body = re.sub(r"//.*", "", found[1])
    declared = re.findall(r"^  [\w:<>,&*\[\] ]*?\b\w+\(", body, re.MULTILINE)
    data = re.findall(r"^  [^()\n]*\b\w+_(?:\{[^\n]*\}| = [^\n]*)?;$", body, re.MULTILINE)
    return len(declared), len(data)


def share(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def spread(values):
    return f"{statistics.median(values):.0f}, {share(values, .9)}, {share(values, .99)}"


def measure(files):
    production = {name: lines for name, lines in files.items() if not is_test(name)}
    sizes = [len(lines) for lines in production.values()]
    lengths = [length for lines in production.values() for length in functions(lines)]
    largest = max(production, key=lambda name: len(production[name]))
    rows = [("production files", len(sizes)), ("  lines: median, p90, p99", spread(sizes)),
            ("  the largest", f"{largest} {max(sizes)}"), ("functions", len(lengths)),
            ("  lines: median, p90, p99", spread(lengths))]
    for folder in ("app", "control", "recording", "storage", "journal", "io", "api", "audit"):
        code = sum(len(lines) for name, lines in production.items() if name.startswith(folder + "/"))
        tests = sum(len(lines) for name, lines in files.items() if name.startswith(folder + "/") and is_test(name))
        rows.append((f"{folder}: lines, of tests, ratio", f"{code}, {tests}, {tests / code:.2f}" if code else "-"))
    for name, header in CLASSES.items():
        counted = members(files.get(header, []), name)
        body = len(files.get(header.replace(".hpp", ".cpp"), []))
        rows.append((f"class {name}: functions, data, .cpp lines", f"{counted[0]}, {counted[1]}, {body}" if counted else "-"))
    return rows


def main():
    commits = sys.argv[1:] or [None]
    tables = [measure(tree(commit)) for commit in commits]
    width = max(len(name) for name, _ in tables[0])
    print(" " * width, *(f"{commit or 'working tree':>34}" for commit in commits))
    for row, (name, _) in enumerate(tables[0]):
        print(f"{name:<{width}}", *(f"{table[row][1]:>34}" for table in tables))


if __name__ == "__main__":
    main()
