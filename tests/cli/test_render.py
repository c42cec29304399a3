"""Text that came with a record cannot steer a terminal, and tables fit the screen they are drawn for."""

from __future__ import annotations

import pytest

from gitexp.cli.render import Cell, Column, Screen, ago, cut, duration, number, safe, size, table, text_width, value

PLAIN = Screen(width=None, height=None, colour=False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("naïve 学習 🎉", "naïve 学習 🎉"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x00\x07\x7f\x85\x9b", "\\x00\\x07\\x7f\\x85\\x9b"),
        ("abc\u202edef\u2066", "abc\\u202edef\\u2066"),
        ("a\u2028b\u2029c\u200bd", "a\\u2028b\\u2029c\\u200bd"),
        ("lr\u3164\xad\U0001d173", "lr\\u3164\\xad\\U0001d173"),
        ("\udc80", "\\x80"),
        ("\U000e0041", "\\U000e0041"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
    ],
)
def test_control_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_a_block_of_text_keeps_its_lines_and_nothing_else() -> None:
    assert safe("a\n\tb\r\x1b[2J", lines="kept") == "a\n\tb\\r\\x1b[2J"


@pytest.mark.parametrize(
    ("thing", "shown"),
    [
        (0.01, "0.01"),
        (True, "true"),
        ("relu", "relu"),
        ("", '""'),
        (" x", '" x"'),
        ([1, "a\x1b"], "[1, a\\x1b]"),
        ({"k\n": False}, "{k\\n = false}"),
    ],
)
def test_values_are_one_safe_line(thing: object, shown: str) -> None:
    assert value(thing) == shown


def test_wide_and_combining_characters_are_measured_as_a_terminal_shows_them() -> None:
    assert text_width("学習") == 4
    assert text_width("e\u0301") == 1
    assert cut("学習する", 5) == "学習…"
    assert cut("short", 5) == "short"


def test_a_table_for_a_file_is_never_cut() -> None:
    rows = [[Cell("x" * 300), Cell("1")], [Cell("y"), Cell("22")]]
    text = table([Column("name", least=5), Column("n", right=True)], rows, on=PLAIN)
    assert text.splitlines()[1] == "x" * 300 + "   1"
    assert text.splitlines()[2] == "y" + " " * 299 + "  22"


def test_a_table_for_a_terminal_cuts_the_widest_column_that_may_be_cut() -> None:
    rows = [[Cell("a" * 20), Cell("b" * 30), Cell("c" * 10)]]
    text = table([Column("", least=5), Column("", least=5), Column("")], rows, on=Screen(44, 24, False))
    assert text == "a" * 14 + "…" + "  " + "b" * 14 + "…" + "  " + "c" * 10 + "\n"


def test_colours_are_the_basic_ones_and_are_switched_off_again() -> None:
    assert Screen(80, 24, True).paint("ok", "bold green") == "\x1b[1;32mok\x1b[0m"
    assert Screen(80, 24, False).paint("ok", "bold green") == "ok"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (0.04, "40 ms"),
        (0.4, "0.4 s"),
        (12.4, "12 s"),
        (185, "3m 05s"),
        (7800, "2h 10m"),
        (273600, "3d 4h"),
    ],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(None, "-"), (0, "0 B"), (999, "999 B"), (57523, "57.5 kB"), (310_000_000, "310 MB")]
)
def test_sizes(count: int | None, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("passed", "shown"),
    [(5, "5s ago"), (125, "2m ago"), (7200, "2h ago"), (86400 * 13, "13d ago"), (86400 * 15, "2w ago")],
)
def test_times(passed: float, shown: str) -> None:
    assert ago(1795168800.0 - passed, now=1795168800.0) == shown


def test_a_time_that_lies_ahead_is_a_date() -> None:
    assert ago(1795168800.0, now=0.0) == "2026-11-20"
    assert ago(1795168800.0, now=1795168795.5) == "0s ago"


@pytest.mark.parametrize(
    ("metric", "shown"),
    [(None, "-"), (0.97222, "0.9722"), (12345678, "12345678"), (float("nan"), "nan"), (1e-9, "1e-09")],
)
def test_numbers(metric: float | None, shown: str) -> None:
    assert number(metric) == shown


@pytest.mark.parametrize(
    ("text", "columns"),
    [("👩‍🔬", 2), ("क्षि", 2), ("e\u0301", 1), ("漢字", 4), ("❤️", 2), ("optimizer.lr 0.01→0.02 …", 24)],
)
def test_text_is_as_wide_as_a_terminal_shows_it(text: str, columns: int) -> None:
    assert text_width(text) == columns


def test_a_joined_emoji_is_cut_as_one() -> None:
    assert cut("👩‍🔬👩‍🔬👩‍🔬", 5) == "👩‍🔬👩‍🔬…"
