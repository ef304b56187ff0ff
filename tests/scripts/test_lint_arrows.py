"""lint_arrows.py holds CMakeLists.txt against the includes, in both directions."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import lint_arrows  # noqa: E402


@pytest.fixture
def wrong(tmp_path, monkeypatch):
    """wrong("holdfast_module(...)", {"base/x.cpp": "text"}) checks such a tree."""
    monkeypatch.setattr(lint_arrows, "ROOT", tmp_path)

    def check(cmake, files):
        (tmp_path / "CMakeLists.txt").write_text(cmake)
        for name, text in files.items():
            path = tmp_path / "src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return lint_arrows.wrong()
    return check


TWO = "holdfast_module(base DEPENDS)\nholdfast_module(ice DEPENDS base TEST_DEPENDS sim)\nholdfast_module(sim DEPENDS base)\n"
USED = {"base/a.hpp": "", "ice/a.cpp": '#include "base/a.hpp"\n', "ice/a_test.cpp": '#include "sim/a.hpp"\n',
        "sim/a.hpp": '#include "base/a.hpp"\n'}


def test_arrows_that_are_used_and_drawn_hold():
    assert lint_arrows.read_arrows(TWO)[0]["ice"] == {"ice", "base"}


def test_a_tree_whose_arrows_hold_has_no_finding(wrong):
    assert wrong(TWO, USED) == []


def test_an_include_without_an_arrow_is_found(wrong):
    assert wrong(TWO, {**USED, "base/a.hpp": '#include "ice/a.hpp"\n'}) == [
        "src/base/a.hpp:1: base may not include ice (see its line in CMakeLists.txt)"]


def test_only_tests_may_use_the_arrows_of_tests(wrong):
    assert "ice may not include sim" in wrong(TWO, {**USED, "ice/b.cpp": '#include "sim/a.hpp"\n'})[0]


def test_an_arrow_that_no_source_uses_is_found(wrong):
    assert wrong(TWO, {**USED, "sim/a.hpp": ""}) == ["CMakeLists.txt: no source of sim includes base: take it out of its line"]


def test_an_arrow_that_only_tests_use_belongs_to_the_tests(wrong):
    found = wrong(TWO, {**USED, "sim/a.hpp": "", "sim/a_test.cpp": '#include "base/a.hpp"\n'})
    assert found == ["CMakeLists.txt: no source of sim includes base: take it out of its line; "
                     "its tests do: move it to TEST_DEPENDS"]


def test_a_test_arrow_that_no_test_uses_is_found(wrong):
    assert wrong(TWO, {**USED, "ice/a_test.cpp": ""}) == [
        "CMakeLists.txt: no test of ice includes sim: take it out of TEST_DEPENDS"]


def test_a_doubled_slash_neither_hides_an_arrow_nor_passes(wrong):
    found = wrong(TWO, {**USED, "base/a.hpp": '#include "ice//a.hpp"\n'})
    assert found == ['src/base/a.hpp:1: "ice//a.hpp": write the plain path below src/',
                     "src/base/a.hpp:1: base may not include ice (see its line in CMakeLists.txt)"]
