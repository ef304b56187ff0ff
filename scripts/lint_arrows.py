#!/usr/bin/env python3
"""Holds the dependency arrows of CMakeLists.txt against every #include in src/.

A folder may include itself and what its holdfast_module(... DEPENDS ...) line names; its *_test files also what
TEST_DEPENDS names. Only app may depend on io; only tests may depend on sim.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEYWORDS = {"DEPENDS", "LINK", "TEST_DEPENDS"}


def calls(cmake, function):
    for match in re.finditer(rf"^{function}\(([^)]*)\)", cmake, re.MULTILINE):
        yield match[1].split()


def groups(words):
    """['base', 'DEPENDS', 'a', 'b'] -> {'': ['base'], 'DEPENDS': ['a', 'b']}"""
    key, found = "", {}
    for word in words:
        if word in KEYWORDS:
            key = word
        else:
            found.setdefault(key, []).append(word)
    return found


def read_arrows(cmake):
    """Folder -> what its sources may include, and folder -> what its tests may include on top."""
    sources, tests = {}, {}
    for words in calls(cmake, "holdfast_module"):
        named = groups(words)
        name = named[""][0]
        sources[name] = {name, *named.get("DEPENDS", [])}
        tests[name] = set(named.get("TEST_DEPENDS", []))
    for words in calls(cmake, "holdfast_program"):
        named = groups(words)
        folder = pathlib.PurePath(named[""][1]).parts[1]
        sources[folder] = {folder, *named.get("LINK", [])}
        tests[folder] = set()
    return sources, tests


def wrong_arrows(sources):
    for name, allowed in sources.items():
        if "io" in allowed - {name} and name != "app":
            yield f"CMakeLists.txt: {name} depends on io; only app may"
        if "sim" in allowed - {name}:
            yield f"CMakeLists.txt: {name} depends on sim; only tests may (TEST_DEPENDS)"
        for unknown in sorted(allowed - set(sources)):
            yield f"CMakeLists.txt: {name} depends on {unknown}, which is no module"


def wrong_includes(sources, tests):
    for path in sorted((ROOT / "src").rglob("*.[ch]pp")):
        shown, folder = path.relative_to(ROOT), path.relative_to(ROOT / "src").parts[0]
        if folder not in sources:
            yield f"{shown}: src/{folder} has no holdfast_module line in CMakeLists.txt"
            continue
        allowed = sources[folder] | (tests[folder] if path.stem.endswith("_test") else set())
        for number, line in enumerate(path.read_text().splitlines(), 1):
            include = re.match(r'\s*#\s*include\s*"([^"/]+)/', line)
            if include and include[1] in sources and include[1] not in allowed:
                yield f"{shown}:{number}: {folder} may not include {include[1]} (see its line in CMakeLists.txt)"


def wrong():
    """Every arrow and include that breaks the rule, a line each."""
    sources, tests = read_arrows((ROOT / "CMakeLists.txt").read_text())
    return [*wrong_arrows(sources), *wrong_includes(sources, tests)]


if __name__ == "__main__":
    found = wrong()
    print("\n".join(found) if found else "include arrows hold")
    sys.exit(1 if found else 0)
