#!/usr/bin/env python3
"""Finds names in comments and documents that nothing in the tree has any longer, and links of documents that lead nowhere.

In comments of src/ and bench/ these must exist: `identifiers` in backticks, calls such as push(), CamelCase words and
Folder::Name. In *.md: paths of the project, Folder::Name, Suite.Test, test_functions, `make` targets, links and their anchors.
"""
import functools
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOKEN = re.compile(r"""(?P<comment>//[^\n]*|/\*.*?\*/)
                     | (?P<string>R"(\w*)\(.*?\)\3" | "(?:\\.|[^"\\\n])*" | (?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+')""",
                   re.DOTALL | re.VERBOSE)
WORD = re.compile(r"[A-Za-z_]\w*")
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
QUALIFIED = re.compile(r"\b[A-Za-z_]\w*(?:::~?[A-Za-z_]\w*)+")
CALL = re.compile(r"(?<![\w:.`-])([a-z]\w*_\w+|[a-z]\w{3,})\(\)")
CAMEL = re.compile(r"(?<![\w:./-])[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+(?![\w/-])")
CODE_FILE = re.compile(r"[\w./*-]+\.(?:cpp|hpp|py|sh|cmake|md)")
FOLDERS = ("src", "docs", "scripts", "tests", "bench", "packaging", "cmake", ".ci")
LINK = re.compile(r"\]\(([^()\s]+)\)")
TEST = re.compile(r"[A-Z]\w+\.[A-Z]\w+")
MAKE = re.compile(r"\bmake ((?:[a-z0-9]+)(?: [a-z0-9]+)*)")

# Written as code is, but names of the outside world: of RFCs, Matroska, H.264, the C library, the compiler.
FOREIGN = {"AddressSanitizer", "ChannelData", "ClientHello", "MaxDpbFrames", "NumericDate", "PrevSize", "TrackEntry", "WebSocket",
           "gettimeofday", "recv", "site.py", "x_test.cpp"}


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns], cwd=ROOT, text=True,
                            check=True, stdout=subprocess.PIPE).stdout.splitlines()
    return sorted(ROOT / name for name in set(listed) if (ROOT / name).is_file())


@functools.cache
def text_of(path):
    return path.read_text()


def cpp_files():
    return tracked("src/*.cpp", "src/*.hpp", "bench/*.cpp", "bench/*.hpp")


@functools.cache
def split_comments(path):
    """The words of the code and strings of a C++ file, and its comments with their line numbers."""
    code, comments, end = [], [], 0
    text = text_of(path)
    for match in TOKEN.finditer(text):
        code.append(text[end:match.start()])
        end = match.end()
        if match["comment"]:
            comments.append((text.count("\n", 0, match.start()) + 1, match["comment"]))
        else:
            code.append(match["string"])
    code.append(text[end:])
    return set(WORD.findall(" ".join(code))), comments


@functools.cache
def words_below(folder):
    """Every word of the code and protocol files below a folder."""
    words = set()
    for path in cpp_files():
        if path.is_relative_to(folder):
            words |= split_comments(path)[0]
    for path in tracked("src/*.proto"):
        if path.is_relative_to(folder):
            words |= set(WORD.findall(text_of(path)))
    return words


def modules():
    return {path.name: path for path in (ROOT / "src").iterdir() if path.is_dir()}


def is_stale_qualified(name):
    """folder::Name and Type::member: the first part must be ours for us to judge, then the folder must have the rest."""
    first, *rest = (part.lstrip("~") for part in name.split("::"))
    if first == "holdfast":
        return is_stale_qualified("::".join(rest)) if len(rest) > 1 else False
    if first in modules():
        return not set(rest) <= words_below(modules()[first])
    if first in words_below(ROOT) and first[0].isupper():
        return not set(rest) <= words_below(ROOT)
    return False


def stale_in_comment(path, comment):
    """The names in a comment that the code around it does not have: its folder for what the reader looks for close by."""
    near = words_below(path.parent) | FOREIGN
    everywhere = words_below(ROOT) | FOREIGN
    yield from (f"`{span}`" for span in SPAN.findall(comment) if WORD.fullmatch(span) and span not in near)
    yield from (name for name in QUALIFIED.findall(comment) if is_stale_qualified(name))
    yield from (f"{name}()" for name in CALL.findall(comment) if name not in near)
    yield from (name for name in CAMEL.findall(comment) if not {name, name.removesuffix("s")} & everywhere)


def stale_comments():
    for path in cpp_files():
        for number, comment in split_comments(path)[1]:
            for stale in stale_in_comment(path, comment):
                yield f"{path.relative_to(ROOT)}:{number}: {stale} is nowhere in the code"


@functools.cache
def file_names():
    """Every file and folder of the project by its path, by its path below src/, and by its name alone."""
    names = set()
    for path in tracked():
        relative = path.relative_to(ROOT)
        for part in (relative, *relative.parents):
            names |= {str(part), part.name, str(part).removeprefix("src/")}
    return names


@functools.cache
def test_names():
    """Suite.Test of every C++ test (parametrised ones by the test's own names), and the functions of the end-to-end tests."""
    names = set()
    for path in tracked("src/*_test.cpp", "bench/*_test.cpp"):
        found = re.findall(r"^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", text_of(path), re.MULTILINE)
        names |= {f"{suite}.{name}" for suite, name in found}
    for path in tracked("tests/*.py"):
        names |= set(re.findall(r"^def (test_\w+)", text_of(path), re.MULTILINE))
    return names


@functools.cache
def make_targets():
    return set(re.findall(r"^([a-z][\w-]*):", text_of(ROOT / "Makefile"), re.MULTILINE))


def is_stale_path(span):
    """A path of the project, or the name of one of its source files."""
    if span.startswith("build/") or not CODE_FILE.fullmatch(span) and span.split("/")[0] not in FOLDERS or " " in span:
        return False
    if "*" in span:
        return not list(ROOT.glob(span.rstrip("/")))
    return not {span.rstrip("/"), f"{span}.cpp"} & (file_names() | FOREIGN)  # `bench/packet_path` is the program of its source


def stale_in_document(span):
    """What is written as code in a document and names something of ours that is not there."""
    if is_stale_path(span):
        yield span
    if TEST.fullmatch(span) and span not in test_names():
        yield span
    if re.fullmatch(r"test_\w+", span) and span not in test_names() and f"{span}.py" not in file_names():
        yield span
    for targets in MAKE.findall(span):
        yield from (f"make {target}" for target in targets.split() if target not in make_targets())
    yield from (name for name in QUALIFIED.findall(span) if is_stale_qualified(name))


def lines_outside_fences(text):
    """The numbered lines of a document's prose; in `sh` blocks those too, since commands name `make` targets."""
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            fence = None if fence is not None else line[3:].strip()
        elif fence is None:
            yield number, line, SPAN.findall(line)
        elif fence == "sh":
            yield number, "", [line.split("#")[0].strip()]


def stale_documents():
    for path in tracked("*.md"):
        for number, _, spans in lines_outside_fences(text_of(path)):
            for stale in (stale for span in spans for stale in stale_in_document(span)):
                yield f"{path.relative_to(ROOT)}:{number}: {stale}: there is no such thing in the tree"


@functools.cache
def anchors(path):
    """What #links into a document can name: its headings as GitHub writes them."""
    titles = [line.lstrip("#").strip() for _, line, _ in lines_outside_fences(text_of(path)) if re.match(r"#{1,6} ", line)]
    return {re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()).replace(" ", "-") for title in titles}


def dead_links():
    for path in tracked("*.md"):
        for number, line, _ in lines_outside_fences(text_of(path)):
            for link in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if re.match(r"[a-z]+:", link):
                    continue  # another site's: not ours to keep
                name, _, anchor = link.partition("#")
                target = (path.parent / name).resolve() if name else path
                if not target.exists():
                    yield f"{path.relative_to(ROOT)}:{number}: {link}: no such file"
                elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                    yield f"{path.relative_to(ROOT)}:{number}: {link}: no such heading"


def wrong():
    """Every stale name and dead link, a line each."""
    return [*stale_comments(), *stale_documents(), *dead_links()]


if __name__ == "__main__":
    found = wrong()
    print("\n".join(found) if found else "names and links are up to date")
    sys.exit(1 if found else 0)
