"""lint_names.py finds what comments and documents name and the tree does not have."""
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import lint_names  # noqa: E402

CODE = "void accept_offer(int renewed);\nclass PartSequence {};\nvoid complete_all();\n"


@pytest.fixture
def wrong(tmp_path, monkeypatch):
    """wrong(comment="...", document="...") checks a tree of one header, one test and one document."""
    monkeypatch.setattr(lint_names, "ROOT", tmp_path)

    def check(comment="", document="", code=CODE):
        for name, function in vars(lint_names).items():
            if hasattr(function, "cache_clear"):
                function.cache_clear()
        texts = {"src/ice/agent.hpp": f"// {comment}\n{code}", "src/ice/agent_test.cpp": "TEST_F(AgentTest, NominatesOnce) {}\n",
                 "docs/page.md": f"# One page\n{document}\n", "Makefile": "build:\n",
                 "tests/e2e/test_a.py": "def test_one():\n    pass\n"}
        for name, text in texts.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
        return [line.split(": ")[1].split(" is ")[0] for line in lint_names.wrong()]
    return check


@pytest.mark.parametrize("comment", [
    "`renewed`: the offer is for a new connection", "PartSequence says when", "All PartSequences", "complete_all() filled it in",
    "ice::PartSequence", "std::vector and other::Thing are not ours", "an RFC's ChannelData", "`a sentence` in backticks"])
def test_names_that_exist_pass(wrong, comment):
    assert wrong(comment) == []


@pytest.mark.parametrize("comment, stale", [
    ("`reconnected`: the offer is for a new connection", "`reconnected`"), ("PartChooser says when", "PartChooser"),
    ("complete() filled it in", "complete()"), ("as ice::PartChooser has it", "ice::PartChooser")])
def test_a_name_in_a_comment_that_the_code_has_not_is_found(wrong, comment, stale):
    assert stale in wrong(comment)


def test_a_name_in_a_string_counts_and_in_another_comment_does_not(wrong):
    assert wrong("`part_size`", code='auto name = "part_size";\n') == []
    assert wrong("`part_size`", code="// part_size\n") == ["`part_size`"]


@pytest.mark.parametrize("document", [
    "`src/ice/agent.hpp`, `agent.hpp`, `ice/agent.hpp`, `src/ice`, `src/*/agent.hpp`", "`AgentTest.NominatesOnce`, `test_one`",
    "`make build`", "[here](#one-page) [there](../src/ice/agent.hpp) [elsewhere](https://example.org)", "`ice::PartSequence`",
    "`build/release/holdfast`", "```text\n`src/gone.cpp` and [gone](gone.md)\n```", "```sh\nmake build  # make it\n```"])
def test_documents_that_name_what_is_there_pass(wrong, document):
    assert wrong(document=document) == []


@pytest.mark.parametrize("document, stale", [
    ("`src/gone.cpp`", "src/gone.cpp"), ("`gone.hpp`", "gone.hpp"), ("`AgentTest.NominatesTwice`", "AgentTest.NominatesTwice"),
    ("`test_gone`", "test_gone"), ("`make gone`", "make gone"), ("```sh\nmake build gone\n```", "make gone"),
    ("`ice::Gone`", "ice::Gone"), ("[x](gone.md)", "gone.md"), ("[x](#gone)", "#gone"), ("[x](page.md#gone)", "page.md#gone")])
def test_documents_that_name_what_is_gone_are_found(wrong, document, stale):
    assert stale in wrong(document=document)


def test_a_finding_names_file_and_line(wrong, tmp_path):
    wrong(document="fine\n`src/gone.cpp`")
    assert lint_names.wrong() == ["docs/page.md:3: src/gone.cpp: there is no such thing in the tree"]
