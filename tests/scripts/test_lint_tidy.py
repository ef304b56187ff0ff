"""lint_tidy.py checks what a change touches, and asks clang-tidy again only where the answer may be another."""
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import lint  # noqa: E402
import lint_tidy  # noqa: E402


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """tree({"src/a/x.cpp": "text"}) writes the files; returns a function from a source's name to its Source."""
    monkeypatch.setattr(lint_tidy, "ROOT", tmp_path)
    monkeypatch.setattr(lint_tidy, "CACHE", tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    (tmp_path / ".clang-tidy").write_text("Checks: '*'\n")

    def write(files):
        for function in (lint_tidy.content, lint_tidy.included):
            function.cache_clear()
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return lambda name: lint_tidy.Source(name, ["c++", f"-I{tmp_path}/src", "-c", str(tmp_path / name)])
    return write


FILES = {"src/a/x.cpp": '#include "a/x.hpp"\n', "src/a/x.hpp": '#include "b/deep.hpp"\n', "src/b/deep.hpp": "int deep;\n",
         "src/a/y.cpp": '#include <vector>\n#include "b/deep.hpp"\n', "src/a/alone.cpp": "int a;\n"}


def key(source):
    return source("src/a/x.cpp").key("clang-tidy 19")


def test_a_source_rests_on_all_headers_that_it_includes(tree, tmp_path):
    source = tree(FILES)("src/a/x.cpp")
    assert source.files == {tmp_path / name for name in ("src/a/x.cpp", "src/a/x.hpp", "src/b/deep.hpp")}


def test_a_change_of_a_header_deep_down_asks_again(tree):
    before = key(tree(FILES))
    assert key(tree(FILES)) == before
    assert key(tree({**FILES, "src/b/deep.hpp": "int deeper;\n"})) != before


def test_another_file_leaves_the_verdict_as_it_is(tree):
    before = key(tree(FILES))
    assert key(tree({**FILES, "src/a/alone.cpp": "int b;\n"})) == before


def test_settings_flags_and_version_are_part_of_the_key(tree):
    source = tree(FILES)("src/a/x.cpp")
    before = source.key("clang-tidy 19")
    assert source.key("clang-tidy 20") != before
    source.words.append("-DNDEBUG")
    flagged = source.key("clang-tidy 19")
    assert flagged != before
    tree({**FILES, ".clang-tidy": "Checks: '-*'\n"})
    assert source.key("clang-tidy 19") != flagged


def test_a_verdict_is_asked_for_once(tree, monkeypatch):
    asked = []
    monkeypatch.setattr(lint_tidy.Source, "check", lambda self: asked.append(self.name) or "x.cpp:1: wrong")
    source = tree(FILES)("src/a/x.cpp")
    assert lint_tidy.verdict(source, "19") == ("x.cpp:1: wrong", False)
    assert lint_tidy.verdict(source, "19") == ("x.cpp:1: wrong", True)
    assert asked == ["src/a/x.cpp"]


def test_a_change_picks_its_sources_and_one_that_includes_each_changed_header(tree, tmp_path):
    source = tree(FILES)
    sources = [source(name) for name in ("src/a/alone.cpp", "src/a/x.cpp", "src/a/y.cpp")]

    def picked(*changed):
        return [found.name for found in lint_tidy.chosen(sources, {tmp_path / name for name in changed})]
    assert picked("src/a/alone.cpp", "README.md") == ["src/a/alone.cpp"]
    assert picked("src/a/x.hpp") == ["src/a/x.cpp"]
    assert picked("src/b/deep.hpp") == ["src/a/y.cpp"]  # the one that includes the least
    assert picked("src/a/x.cpp", "src/b/deep.hpp") == ["src/a/x.cpp"]  # includes the header anyway


@pytest.fixture
def git(tmp_path, monkeypatch):
    """git("commit", ...) in a repository with one commit of a.cpp."""
    monkeypatch.setattr(lint_tidy, "ROOT", tmp_path)

    def run(*words):
        subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words], cwd=tmp_path, check=True,
                       stdout=subprocess.DEVNULL)
    run("init", "-q", "-b", "main")
    (tmp_path / "a.cpp").write_text("")
    run("add", "a.cpp")
    run("commit", "-qm", "a")
    return run


def test_changes_count_from_where_the_branch_left_its_base(git, tmp_path):
    assert lint_tidy.changed_since("main") is None  # one commit: all files are new
    git("checkout", "-qb", "work")
    for name in ("b.cpp", "c.cpp"):
        (tmp_path / name).write_text("")
        git("add", name)
        git("commit", "-qm", name)
    (tmp_path / "d.cpp").write_text("")
    assert lint_tidy.changed_since("main") == {tmp_path / name for name in ("b.cpp", "c.cpp", "d.cpp")}
    assert lint_tidy.changed_since("work") == {tmp_path / name for name in ("c.cpp", "d.cpp")}  # on the base: the last commit


def test_what_only_gcc_understands_is_no_argument_for_clang():
    command = ["c++", "-Winvalid-pch", "-include", "x.dir/cmake_pch.hxx", "--param", "ggc-min-heapsize=1", "-include",
               "other.hpp", "-c", "a.cpp"]
    assert lint_tidy.for_clang(command) == ["c++", "-include", "other.hpp", "-c", "a.cpp"]


def test_the_preset_does_not_decide_what_is_an_error():
    assert lint_tidy.for_clang(["c++", "-Wall", "-Werror", "-c", "a.cpp"]) == ["c++", "-Wall", "-c", "a.cpp"]


def test_a_long_file_fails_and_one_of_the_table_may_only_shrink():
    table = {"long.cpp": 500}
    assert lint.wrong_sizes({"a.cpp": lint.MOST_LINES, "long.cpp": 500}, table) == []
    assert "a.cpp: 401 lines" in lint.wrong_sizes({"a.cpp": lint.MOST_LINES + 1, "long.cpp": 500}, table)[0]
    assert "long.cpp: 501 lines, at most 500" in lint.wrong_sizes({"long.cpp": 501}, table)[0]
    assert "write 450 instead of 500" in lint.wrong_sizes({"long.cpp": 450}, table)[0]
    assert "remove its line" in lint.wrong_sizes({"long.cpp": 400}, table)[0]
    assert "remove its line" in lint.wrong_sizes({}, table)[0]
