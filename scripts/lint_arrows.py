#!/usr/bin/env python3
"""Holds the dependency arrows of CMakeLists.txt against every #include in src/.

A folder may include itself and what its holdfast_module(... DEPENDS ...) line names; its *_test files also what
TEST_DEPENDS names. Only app may depend on io; only tests may depend on sim. A permission that no #include uses is wrong too:
what a header needs for itself comes with the library that the header belongs to.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEYWORDS = {"DEPENDS", "LINK", "TEST_DEPENDS", "TEST_SHARDS"}
INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]+)"')


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


def includes(folder):
    """Every #include "..." below src/FOLDER: the file, the line's number, what is included, and whether the file is a test's."""
    for path in sorted((ROOT / "src" / folder).rglob("*.[ch]pp")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if include := INCLUDE.match(line):
                yield path.relative_to(ROOT), number, include[1], path.stem.endswith("_test")


def wrong_includes(sources, tests):
    for folder in sorted(path.name for path in (ROOT / "src").iterdir() if path.is_dir()):
        if folder not in sources:
            yield f"src/{folder}: has no holdfast_module line in CMakeLists.txt"
            continue
        for shown, number, included, in_test in includes(folder):
            parts = included.split("/")
            if {"", ".", ".."} & set(parts):
                yield f'{shown}:{number}: "{included}": write the plain path below src/'
            target = next(part for part in [*parts, ""] if part != ".")
            allowed = sources[folder] | (tests[folder] if in_test else set())
            if target in sources and target not in allowed:
                yield f"{shown}:{number}: {folder} may not include {target} (see its line in CMakeLists.txt)"


def unused_arrows(sources, tests):
    """Permissions that nothing uses: an arrow that is drawn but not there hides the one that somebody adds later."""
    for folder in sources:
        used = {in_test: {include.split("/")[0] for _, _, include, of_test in includes(folder) if of_test == in_test}
                for in_test in (False, True)}
        for unused in sorted(sources[folder] - used[False] - {folder}):
            hint = "; its tests do: move it to TEST_DEPENDS" if unused in used[True] else ""
            yield f"CMakeLists.txt: no source of {folder} includes {unused}: take it out of its line{hint}"
        for unused in sorted(tests[folder] - used[True]):
            yield f"CMakeLists.txt: no test of {folder} includes {unused}: take it out of TEST_DEPENDS"


def wrong():
    """Every arrow and include that breaks the rule, a line each."""
    sources, tests = read_arrows((ROOT / "CMakeLists.txt").read_text())
    return [*wrong_arrows(sources), *wrong_includes(sources, tests), *unused_arrows(sources, tests)]


if __name__ == "__main__":
    found = wrong()
    print("\n".join(found) if found else "include arrows hold")
    sys.exit(1 if found else 0)
