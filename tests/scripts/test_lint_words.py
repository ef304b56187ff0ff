"""lint_words.py finds banned words in what users read, and names the line."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import lint_words  # noqa: E402

CPP = "src/app/x.cpp"


def found(name, source):
    """[(line, word)] of what is wrong."""
    lines = lint_words.wrong_words(name, source)
    return [(int(line.split(":")[1]), line.split('"')[1]) for line in lines]


def test_a_banned_word_in_a_literal_is_found_at_its_line():
    assert found(CPP, 'int a;\nauto b = fail("{} starts anew", a);\n') == [(2, "anew")]


def test_the_message_says_what_to_write_instead():
    assert lint_words.wrong_words(CPP, 'f("befalls");') == [f'{CPP}:1: "befalls": write instead: happen to']


def test_identifiers_comments_includes_and_characters_of_code_are_ignored():
    source = '#include "beside/anew.hpp"\n// whoever, so long\n/* till\n"anew" */\nint former = told(\'"\');\nint anew = \'"\';\n'
    assert found(CPP, source) == []


def test_quotes_in_a_literal_do_not_end_it():
    assert found(CPP, 'f("say \\"x\\"");\nint anew;\ng("a\\nanew");\n') == [(3, "anew")]


def test_joined_literals_are_one_text_and_the_line_is_that_of_the_first_word():
    assert found(CPP, 'f("it goes "\n  // why\n  "on with the rest",\n  "of");\n') == [(1, "goes on")]
    assert found(CPP, 'f("it "\n  "goes on");\n') == [(2, "goes on")]


def test_literals_that_are_not_joined_are_not_one_text():
    assert found(CPP, 'f("it goes", "on with");\n') == []


def test_raw_literals_are_read_with_their_lines():
    assert found(CPP, 'auto help = R"(one\n"two" beside\nthree)";\nint anew;\n') == [(2, "beside")]
    assert found(CPP, 'auto a = R"x(")" anew)x";\nf("till");\n') == [(1, "anew"), (2, "till")]


def test_a_digit_separator_does_not_begin_a_character():
    assert found(CPP, "int a = 10'000;\nf(\"anew\");\nint b = 1'000;\n") == [(2, "anew")]


def test_a_longer_word_or_a_hyphenated_one_is_not_the_banned_one():
    assert found(CPP, 'f("besides, there, where, until, transformer, this, him-x, --till");\n') == []


def test_case_does_not_matter():
    assert found(CPP, 'f("Whoever asks");\n') == [(1, "Whoever")]


def test_tests_and_the_simulation_may_say_what_they_like():
    assert found("src/app/x_test.cpp", 'f("anew");') == []
    assert found("src/sim/net.cpp", 'f("anew");') == []
    assert found("tests/e2e/x.py", 'f("anew")') == []


def test_markdown_is_read_as_a_whole_and_phrases_may_cross_lines():
    assert found("docs/x.md", "one\nit goes\non with two\n") == [(2, "goes on")]


def test_a_phrase_may_cross_the_lines_of_a_comment():
    assert found("packaging/holdfast.toml", 'a = 1\n# wait so\n# long\n') == [(2, "so long")]


def test_strings_and_docstrings_of_scripts_are_read_but_not_their_names():
    source = '"""Does it\n\nanew."""\nformer = 1  # beside\nprint(f"{former} till",\n      "so "\n      "long")\n'
    assert found("scripts/x.py", source) == [(3, "anew"), (5, "till"), (6, "so long")]


def test_of_the_makefile_only_the_help_is_read():
    assert found("Makefile", "# anew\nrun:  ## do it anew\n\t@echo anew\n") == [(2, "anew")]


def test_released_history_stays_as_it_was_written():
    assert found("CHANGELOG.md", "## Unreleased\nanew\n## 1.0\nbeside\n") == [(2, "anew")]


def test_the_checker_does_not_find_its_own_list():
    assert found("scripts/lint_words.py", 'A = "anew"\n') == []


def test_every_rule_of_the_list_compiles_and_finds_words():
    assert found(CPP, 'f("he told, and told: it came to nothing");\n') == [(1, "and told"), (1, "came to nothing"), (1, "he")]
    assert len(lint_words.RULES) == len(lint_words.BANNED)
