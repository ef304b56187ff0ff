#!/usr/bin/env python3
"""Runs clang-tidy over the sources that a change touches, or over all of them, and remembers every verdict.

A verdict is kept in build/tidy-cache under the hash of everything that it rests on: the version of clang-tidy, .clang-tidy,
the compile command, the source, and every header of the project that the source includes, directly or not. So a changed header
checks again all that includes it, and whatever did not change costs nothing.

usage: lint_tidy.py [--all] [--base COMMIT]
"""
import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"  # the first clang that sees std::expected in g++'s library, and packaged by all three distributions
BUILD = ROOT / "build" / "release"
CACHE = ROOT / "build" / "tidy-cache"
COMMANDS = ROOT / "build" / "tidy"  # compile commands that clang can read
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def run(*command):
    return subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def for_clang(words):
    """A compile command without what only g++ understands: its precompiled header (each source includes what it needs) and
    its --param. Nor with -Werror: .clang-tidy decides what is an error, whichever preset was configured last."""
    kept, position = [], 0
    while position < len(words):
        word, after = words[position], words[min(position + 1, len(words) - 1)]
        if word == "--param" or (word == "-include" and "cmake_pch" in after):
            position += 2
            continue
        if word not in ("-Winvalid-pch", "-Werror"):
            kept.append(word)
        position += 1
    return kept


def compile_commands():
    """The project's sources, each with its compile command; what was generated is not the project's to tidy."""
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    commands = {}
    for entry in entries:
        path = pathlib.Path(entry["file"])
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "build"):
            commands[str(path.relative_to(ROOT))] = for_clang(shlex.split(entry["command"]))
    return commands


def write_commands(commands):
    COMMANDS.mkdir(parents=True, exist_ok=True)
    entries = [{"directory": str(BUILD), "arguments": words, "file": str(ROOT / name)} for name, words in commands.items()]
    (COMMANDS / "compile_commands.json").write_text(json.dumps(entries, indent=1))


@functools.cache
def content(path):
    return path.read_bytes()


def include_folders(words):
    """The folders of the project, generated ones too, in which a compile command looks for headers."""
    following = [after for word, after in zip(words, words[1:]) if word in ("-I", "-isystem")]
    joined = [word[2:] for word in words if word.startswith("-I") and len(word) > 2]
    return tuple(folder for folder in map(pathlib.Path, [*joined, *following]) if folder.is_relative_to(ROOT))


@functools.cache
def included(path, folders):
    """The project's headers that a file names itself."""
    found = []
    for name in INCLUDE.findall(content(path).decode("utf-8", "replace")):
        found += [place for place in (path.parent / name, *(folder / name for folder in folders)) if place.is_file()][:1]
    return found


def closure(path, folders):
    """A source with every header of the project that it includes, directly or not."""
    seen, to_read = {path}, [path]
    while to_read:
        fresh = [header for header in included(to_read.pop(), folders) if header not in seen]
        seen.update(fresh)
        to_read += fresh
    return seen


class Source:
    """A source file to check: what its verdict rests on, and the verdict."""

    def __init__(self, name, words):
        self.name = name
        self.words = words
        self.files = closure(ROOT / name, include_folders(words))

    def key(self, version):
        """The verdict's name in the cache. Paths count as they are below ROOT, so that a copy of the tree shares verdicts."""
        digest = hashlib.sha256(version.encode())
        for folder in reversed((ROOT / self.name).relative_to(ROOT).parents):
            settings = ROOT / folder / ".clang-tidy"
            digest.update(content(settings) if settings.is_file() else b"")
        digest.update(" ".join(self.words).replace(str(ROOT), "ROOT").encode())
        for path in sorted(self.files):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(content(path)).digest())
        return digest.hexdigest()

    def check(self):
        """What clang-tidy says; empty when the file is clean."""
        done = run(TIDY, "--quiet", "-p", str(COMMANDS), "--extra-arg=-Wno-unknown-warning-option", self.name)
        return (done.stdout.strip() or f"{self.name}: {TIDY} exited {done.returncode}") if done.returncode else ""


def verdict(source, version):
    """What is wrong with a source, and whether the cache knew it."""
    kept = CACHE / source.key(version)
    if kept.is_file():
        return kept.read_text(), True
    found = source.check()
    fresh = kept.with_suffix(f".{os.getpid()}")  # renamed when it is whole: a lint that is interrupted leaves no half verdict
    fresh.write_text(found)
    fresh.replace(kept)
    return found, False


def commit_of(name):
    found = run("git", "rev-parse", "-q", "--verify", f"{name}^{{commit}}")
    return found.stdout.strip() if found.returncode == 0 else ""


def changed_since(base):
    """The files that differ from where this branch left `base`, committed or not; on `base` itself, from the commit before."""
    start = run("git", "merge-base", "HEAD", base)
    since = start.stdout.strip() if start.returncode == 0 else ""
    if since in ("", commit_of("HEAD")):
        since = commit_of("HEAD~1")
    if not since:
        return None  # the first commit: everything is new
    listed = run("git", "diff", "--name-only", "--diff-filter=d", since).stdout.splitlines()
    listed += run("git", "ls-files", "-o", "--exclude-standard").stdout.splitlines()
    return {ROOT / name for name in listed}


def chosen(sources, changed):
    """The changed sources, and for each changed header that none of them includes, the source that is nearest to it."""
    picked = [source for source in sources if ROOT / source.name in changed]
    seen = set().union(*(source.files for source in picked))
    for header in sorted(path for path in changed if path.suffix == ".hpp" and path not in seen):
        users = [source for source in sources if header in source.files]
        nearest = sorted(users, key=lambda source: (pathlib.Path(source.name).stem != header.stem, len(source.files)))
        picked += nearest[:1]
    return picked


def forget_unused():
    """Removes verdicts that are older than a month."""
    for kept in CACHE.iterdir():
        if time.time() - kept.stat().st_mtime > 30 * 86400:
            kept.unlink()


def wrong(everything, base):
    """Findings, and a sentence that says how much was checked."""
    began = time.monotonic()
    version = run(TIDY, "--version").stdout
    commands = compile_commands()
    write_commands(commands)
    CACHE.mkdir(parents=True, exist_ok=True)
    forget_unused()
    sources = [Source(name, words) for name, words in sorted(commands.items())]
    changed = None if everything else changed_since(base)
    if changed is not None:
        sources = chosen(sources, changed)
    verdicts = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(lambda source: verdict(source, version), sources):
            verdicts.append(done)
            if len(verdicts) % 25 == 0 and not done[1]:  # a whole tree takes a while: say that it goes forward
                print(f"clang-tidy: {len(verdicts)} of {len(sources)} files", flush=True)
    known = sum(from_cache for _, from_cache in verdicts)
    scope = "changed" if changed is not None else "all"
    note = f"{len(sources)} files ({scope}), {known} from the cache, {time.monotonic() - began:.0f} s"
    return sorted({text for text, _ in verdicts if text}), note


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="check every source, not only the changed ones")
    parser.add_argument("--base", default="origin/main", help="the branch that the changes are counted from")
    asked = parser.parse_args()
    found, note = wrong(asked.all, asked.base)
    print("\n".join([*found, f"clang-tidy: {note}"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
