#!/usr/bin/env python3
"""Finds words that an operator who reads English as a second language may not know, in every text that a user meets.

These texts are: the string literals of src/ (help, logs, errors; not those of tests), all Markdown, docs/openapi.yaml,
packaging/, the Makefile's help, the shell scripts, and the string literals of scripts/*.py. BANNED says what to write instead.
"""
import bisect
import io
import pathlib
import re
import subprocess
import sys
import tokenize

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What is banned (a space also matches a line's end), and what to write instead.
BANNED = [
    (r"anew", "again, new"),
    (r"beside", "next to, besides"),
    (r"befall(?:s|en)?|befell", "happen to"),
    (r"whoever|whosoever", "anyone who, the publisher that"),
    (r"be it", "even if, whether"),
    (r"(?:in|at) hand", "active, being processed, available"),
    (r"(?:go|goes|went|gone) on", "continue, resume"),
    (r"so (?:long|many|much|large|often|old|few)", "this long, this many; a limit: at most, longer than"),
    (r"former", "previous, old, earlier"),
    (r"n[oa]ught", "nothing, zero"),
    (r"not (?:longer|larger|more|older) than", "at most"),
    (r"(?:is|are|was|were|be|been|and) told", "is reported, is notified, is logged"),
    (r"tells? (?:about|of)", "describes, reports"),
    (r"hear(?:s|d)? (?:out|of)", "wait for the reply of, receive from"),
    (r"c[ao]me to nothing", "fail"),
    (r"(?:come|comes|came|coming) by", "get, obtain"),
    (r"of (?:its|our|their|one's) own making", "generated"),
    (r"left out is said", "is reported"),
    (r"sleeps|asleep|slept", "wait, be idle, be paused"),
    (r"hither|thither|whence|thence", "here, there, from which, from there"),
    (r"hereof|thereof|herein|therein|wherein|whereby|whereupon|thereupon", "of it, in it, in which, by which, after which"),
    (r"ere|lest|albeit|amid|amidst", "before, so that not, although, among"),
    (r"whilst|upon|unto|till|shall", "while, on, to, until, must"),
    (r"say `?make", "run `make"),
    (r"says? (?:no|so)", "reject, refuse, confirm"),
    (r"look(?:s|ed)? whether", "check whether"),
    (r"(?:he|his|him|himself)", "the publisher, it, they"),
    (r"(?:in|for) want of|for lack of", "because there is no"),
    (r"stands? (?:in|at) (?:the|its|his|a)", "is in"),
    (r"(?:has|have|had) no way (?:in|into|to)", "has no access, has no credentials, cannot"),
    (r"in vain", "without success"),
    (r"of late", "recently"),
    (r"makes? good", "fixes, restores"),
    (r"come(?:s)? to grief", "fails"),
    (r"gives? up its ghost", "fails"),
    (r"a thread apart", "on its own thread"),
    (r"(?:is|are|was|were) no (?:whole|more)", "is incomplete, no longer exists"),
    (r"in line with its", "up to date with its"),
    (r"of no use", "useless, not needed"),
    (r"(?:is|was|are|were) put aside", "is renamed, is kept as"),
    (r"half written", "incomplete"),
    (r"(?:are|is) no (?:text|JSON|JWT|URL|SDP|journal|box|element|packet)\w*", "is not a journal, are not packets"),
    (r"over and over", "in a loop, repeatedly"),
    (r"under way", "in progress"),
    (r"nobody (?:asked|wants|knows|can)", "without a request, unused, unknown, cannot be"),
]
RULES = [(re.compile(rf"(?<![\w-])(?:{words})(?![\w-])".replace(" ", r"\s+"), re.IGNORECASE), instead)
         for words, instead in BANNED]

COMMENT_LEADER = re.compile(r"(?m)^[ \t]*(?:#+|//|>)")
CPP_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<include>^[ \t]*\#[ \t]*include[^\n]*)
      | R"(?P<fence>[^()\\\s]{0,16})\((?P<raw>.*?)\)(?P=fence)"
      | "(?P<plain>(?:[^"\\\n]|\\.)*)"
      | (?P<char>(?<![0-9a-zA-Z])'(?:[^'\\\n]|\\.)+')
      | (?P<space>\s+)
      | (?P<code>[^\s])""", re.VERBOSE | re.DOTALL | re.MULTILINE)


class Text:
    """A text that a user reads, put together from pieces of a file; knows from which line each character came."""

    def __init__(self):
        self.text = ""
        self.starts = []  # where in `text` a line begins
        self.lines = []  # the number of that line

    def add(self, piece, line):
        """Appends `piece`, which begins at `line` of the file."""
        for number, part in enumerate(piece.split("\n"), line):
            self.starts.append(len(self.text))
            self.lines.append(number)
            self.text += part + "\n"
        self.text = self.text[:-1]

    def line_of(self, offset):
        return self.lines[bisect.bisect_right(self.starts, offset) - 1]


def unescape(literal):
    """Escapes as spaces and plain quotes, as long as they were, so that no word is glued to one."""
    return re.sub(r"\\.", lambda escape: " " + escape[0][1] if escape[0][1] in "\"'\\" else "  ", literal)


def without_code(body):
    """The body of an f-string; of its {expressions} only the literals stay."""
    def literals(code):
        return re.sub(r"""('[^'\n]*'|"[^"\n]*")|[^\n]""", lambda part: part[1] or " ", code[0])
    return re.sub(r"\{[^{}]*\}", literals, body)


def cpp_texts(source):
    """The string literals of a C++ file; those that the compiler joins are one text."""
    joined = None
    for token in CPP_TOKEN.finditer(source):
        kind = token.lastgroup
        if kind in ("raw", "plain"):
            if joined is None:
                joined = Text()
            piece = token["raw"] if kind == "raw" else unescape(token["plain"])
            joined.add(piece, source.count("\n", 0, token.start(kind)) + 1)
        elif kind not in ("comment", "space") and joined is not None:
            yield joined
            joined = None
    if joined is not None:
        yield joined


def python_texts(source):
    """The string literals of a Python file, docstrings included; those that Python joins are one text."""
    joined = None
    middle = getattr(tokenize, "FSTRING_MIDDLE", None)  # Python 3.12 splits f-strings
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.STRING:
            joined = joined or Text()
            prefix, quotes, body = re.fullmatch(r"(\w*)('''|\"\"\"|'|\")(.*)\2", token.string, re.DOTALL).groups()
            body = body if "r" in prefix.lower() else unescape(body)
            joined.add(without_code(body) if "f" in prefix.lower() else body, token.start[0])
        elif middle is not None and token.type == middle:
            joined = joined or Text()
            joined.add(unescape(token.string), token.start[0])
        elif token.type in (tokenize.OP, tokenize.NAME, tokenize.NEWLINE) and joined is not None:
            yield joined
            joined = None


def plain_texts(source):
    """A file that is text throughout; what leads a comment's line does not cut a phrase in two."""
    whole = Text()
    whole.add(COMMENT_LEADER.sub(lambda leader: " " * len(leader[0]), source), 1)
    yield whole


def makefile_texts(source):
    """What `make help` prints."""
    for number, line in enumerate(source.split("\n"), 1):
        if "## " in line:
            text = Text()
            text.add(line.split("## ", 1)[1], number)
            yield text


def changelog_texts(source):
    """What is not released yet: history stays as it was written."""
    released = re.search(r"(?m)^## \[?\d", source)
    return plain_texts(source[:released.start()] if released else source)


def texts_of(name, source):
    """The texts for users in the file `name`, or nothing if it has none."""
    path = pathlib.PurePath(name)
    if path.parts[0] == "src" and path.suffix in (".cpp", ".hpp"):
        is_test = path.stem.endswith("_test") or path.parts[1] == "sim"
        return [] if is_test else cpp_texts(source)
    if name == "CHANGELOG.md":
        return changelog_texts(source)
    if name == "Makefile":
        return makefile_texts(source)
    if path.parts[0] == "scripts" and path.suffix == ".py":
        return [] if path.name == pathlib.Path(__file__).name else python_texts(source)
    is_text = path.suffix == ".md" or name == "docs/openapi.yaml" or path.parts[0] == "packaging" \
        or path.parts[0] == "scripts" and path.suffix == ".sh"
    return plain_texts(source) if is_text else []


def wrong_words(name, source):
    """Every banned word in the file `name` with the content `source`, a line each."""
    found = []
    for text in texts_of(name, source):
        for rule, instead in RULES:
            for match in rule.finditer(text.text):
                words = " ".join(match[0].split())
                found.append((text.line_of(match.start()), f'"{words}": write instead: {instead}'))
    return [f"{name}:{line}: {message}" for line, message in sorted(found)]


def wrong():
    """Every banned word in the project's texts, a line each."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True, check=True,
                            stdout=subprocess.PIPE).stdout.split("\n")
    names = sorted(name for name in set(listed) if name and (ROOT / name).is_file())
    return [line for name in names for line in wrong_words(name, (ROOT / name).read_bytes().decode("utf-8", "replace"))]


if __name__ == "__main__":
    words = wrong()
    print("\n".join(words) if words else "words are plain")
    sys.exit(1 if words else 0)
