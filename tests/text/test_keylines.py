"""Each key of a TOML text has the line that an editor shows for it."""

from __future__ import annotations

import tomllib

import pytest

from gitexp.text.keylines import key_lines, syntax_error


def test_keys_tables_and_dotted_keys_have_their_lines() -> None:
    text = "# a comment\n\nseed = 1\n[optimizer]  # another\nlr = 0.1\nadam.beta = 0.9\n'odd key' = 1\n"
    assert key_lines(text) == {
        ("seed",): 3,
        ("optimizer",): 4,
        ("optimizer", "lr"): 5,
        ("optimizer", "adam"): 6,
        ("optimizer", "adam", "beta"): 6,
        ("optimizer", "odd key"): 7,
    }


def test_a_value_over_several_lines_stands_where_it_starts() -> None:
    text = 'a = """\nb = 1\n[c]\n\n"""\nd = [\n  1,  # e = 5\n\n  [2, 3],\n]\nf = 2\n'
    lines = key_lines(text)
    assert lines["a",] == 1
    assert ("b",) not in lines
    assert ("c",) not in lines
    assert lines["d",] == 6
    assert lines["d", "1", "0"] == 6
    assert lines["f",] == 11


def test_arrays_of_tables_count_from_zero_and_headers_below_them_mean_the_last_one() -> None:
    text = "[[steps]]\nn = 1\n[[steps.parts]]\nk = 1\n[[steps]]\nn = 2\n[steps.options]\ndeep = true\n"
    lines = key_lines(text)
    assert lines["steps", "0", "n"] == 2
    assert lines["steps", "0", "parts", "0", "k"] == 4
    assert lines["steps", "1"] == 5
    assert lines["steps", "1", "n"] == 6
    assert lines["steps", "1", "options", "deep"] == 8


def test_keys_of_inline_tables_have_the_line_of_the_table() -> None:
    lines = key_lines('\ngoal = { "val.acc" = "max", deep = { x = 1 } }\n')
    assert lines["goal", "val.acc"] == 2
    assert lines["goal", "deep", "x"] == 2


def test_windows_line_ends_count_once() -> None:
    assert key_lines("a = 1\r\n[b]\r\nc = 2\r\n") == {("a",): 1, ("b",): 2, ("b", "c"): 3}


def test_an_empty_text_has_no_keys() -> None:
    assert key_lines("# nothing\n") == {}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a = 1\nb =\n", 2, "Invalid value"),
        ("a = 1\na = 2\n", 2, "Cannot overwrite"),
        ("[a]\n[a]\n", 2, "Cannot declare [a] twice (column"),
        ('["b.c".d]\n["b.c".d]\n', 2, 'Cannot declare ["b.c".d] twice'),
        ("[a.b]\n[a]\nb = {c = 1}\nb.d = 2\n", 3, "Cannot overwrite"),
        ("a = {b = 1}\n[a.c]\n", 2, "Cannot declare [a.c] twice"),
        ("a = 1\n\n[t\nb = 2\n", 3, "end of a table declaration"),
        ('a = 1\nb = """x\ny = 1\n', 2, "no end"),
    ],
)
def test_a_syntax_error_has_the_line_where_it_is_or_starts(text: str, line: int, words: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    found, said = syntax_error(text, caught.value)
    assert found == line
    assert words in said
    assert "at line" not in said
    assert "end of document" not in said
