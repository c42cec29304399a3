"""Parse TOML that anybody wrote, within bounds that are checked before it is parsed.

tomllib needs minutes for a key of 80,000 parts, gigabytes for a number of a hundred million digits, and the whole stack
for brackets in brackets. Within these bounds a text costs it a quarter of a second and some 40 MB at worst, and no
value is nested so deeply that whoever walks through it comes to an end of the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from gitexp.errors import GitexpError, Refused, counted
from gitexp.text import toml
from gitexp.text.encoding import LARGEST as LARGEST
from gitexp.text.encoding import MARK

MOST_PARTS = 32  # of one key
DEEPEST = 32  # brackets within brackets
LONGEST_WORD = 1000  # characters of a number or an unquoted key
MOST_KEYS = 1 << 15  # assignments, tables and dots outside of strings: 10,000 metrics have 20,000 and one for each key
MOST_ELEMENTS = 1 << 17
MOST_LINES = 1 << 18
MOST_ESCAPES = 1 << 17
_SMALL = 3 << 10  # characters that cannot hold much but depth: 3,000 hexadecimal digits can still be printed

# Each alternative takes something wherever it begins, also what has no end: so this is one pass, whatever the text.
# Patterns are text: short files, which most are, need none of them.
_STRINGS = (
    r'"""(?:[^"\\]++|\\(?s:.)|"(?!""))*+"{0,5}+'
    r"|'''(?:[^']++|'(?!''))*+'{0,5}+"
    r'|"(?:[^"\\\n]++|\\[^\n])*+"?+'
    r"|'[^'\n]*+'?+"
    r"|#[^\n]*+"
)
_PART = r"(?:[\w-]++|\"\")[ \t]*+"
_LONG_KEY = rf"(?<![\w-])(?:{_PART}\.[ \t]*+){{{MOST_PARTS}}}"
_LONG_WORD = rf"(?<![\w.+-])[\w.+-]{{{LONGEST_WORD}}}"


class Unreadable(GitexpError):
    """The record breaks the format: a missing or mistyped key."""


class OutOfBounds(ValueError):
    """The text may be TOML, but none that gitexp takes apart. The message is the end of a sentence."""


def load_toml(text: str) -> dict[str, Any]:
    """What tomllib makes of it. Raises its TOMLDecodeError, or OutOfBounds: both are a ValueError."""
    return _parsed(text)[0]


def load_recorded(text: str) -> dict[str, Any]:
    """The same for a file of a record, whose integers lie within ±2⁶³."""
    table, within = _parsed(text)
    if not within:
        raise OutOfBounds("a number has too many digits: integers lie within ±2⁶³")
    return table


def load_checked(
    text: str,
    *,
    where: str,
    check: Callable[[dict[str, Any]], Iterable[tuple[tuple[str, ...], str]]],
    what: str = "{where} is wrong: {count}",
    shown: int | None = None,
) -> dict[str, Any]:
    """A table that `check` finds no problems in. Raises Refused, each problem a line `file:line: key: what`.

    `what` says it in a sentence, with the file and how many errors there are, of which the first `shown` are listed.
    """
    try:
        table = load_toml(text)
    except ValueError as error:
        count, details = 1, [misread(text, error, where=where)]
    else:
        problems = list(check(table))
        if not problems:
            return table
        from gitexp.text.keylines import located

        count, details = len(problems), located(problems[:shown], text, where)
    raise Refused(what.format(where=where, count=counted(count, "error")), details=details)


def misread(text: str, error: ValueError, *, where: str) -> str:
    """What `load_toml` raised, as a line `file:line: what`."""
    if not isinstance(error, toml.TOMLDecodeError):
        return f"{where}: {error}"
    from gitexp.text.keylines import syntax_error

    line, words = syntax_error(text, error)
    return f"{where}:{line}: {words}"


def _parsed(text: str) -> tuple[dict[str, Any], bool]:
    few_brackets = text.count("[") + text.count("{") <= DEEPEST
    if len(text) > _SMALL or not few_brackets or text.count(".") > MOST_PARTS:
        _weigh(text)
    try:
        table = toml.loads(text.removeprefix(MARK))
    except toml.TOMLDecodeError:
        raise
    except ValueError as error:  # an integer of 4,300 decimal digits
        raise OutOfBounds("a number has too many digits") from error
    return table, _look_through(table)


def _weigh(text: str) -> None:
    if len(text) > LARGEST:
        raise OutOfBounds(f"it has more than {LARGEST:,} characters")
    bare = re.sub(_STRINGS, '""', text)
    bounds = (
        (sum(map(bare.count, "=[{.")), MOST_KEYS, "keys and tables"),
        (bare.count(","), MOST_ELEMENTS, "elements of arrays"),
        (bare.count("\n"), MOST_LINES, "lines"),
        (text.count("\\"), MOST_ESCAPES, "escapes"),
    )
    for count, most, what in bounds:
        if count > most:
            raise OutOfBounds(f"it has more than {most:,} {what}")
    if re.search(_LONG_KEY, bare):
        raise OutOfBounds(f"a key has more than {MOST_PARTS} parts")
    if word := re.search(_LONG_WORD, bare):
        is_number = word[0][0] in "+-.0123456789"
        raise OutOfBounds("a number has too many digits" if is_number else f"a word has over {LONGEST_WORD:,} letters")
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", bare):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise OutOfBounds("nested too deeply")


def _look_through(table: dict[str, Any]) -> bool:
    """Whether all integers lie within 64 bits. Raises OutOfBounds for what is too deep as a whole, not at any place."""
    within = True
    level: list[Any] = [table]
    for _ in range(2 * DEEPEST):
        below: list[Any] = []
        for values in level:
            for value in values.values() if type(values) is dict else values:
                if type(value) is dict or type(value) is list:
                    below.append(value)
                elif type(value) is int and not -(2**63) <= value < 2**63:
                    within = False
                elif type(value) is datetime and value.tzinfo is not None and not 1 < value.year < 9999:
                    _in_utc(value)
        if not below:
            return within
        level = below
    raise OutOfBounds("nested too deeply")


def _in_utc(time: datetime) -> None:
    try:
        time.astimezone(UTC)
    except OverflowError as error:
        raise OutOfBounds("a time lies outside the years 1 to 9999") from error


def load_tables(text: str, *, where: str) -> dict[str, Any]:
    """Parse a file of anybody's record. Raises Unreadable, naming `where`, for what is no TOML or too much of it."""
    try:
        return load_recorded(text)
    except OutOfBounds as error:
        raise Unreadable(f"{where} cannot be read: {error}") from error
    except ValueError as error:
        raise Unreadable(f"{where} is not valid TOML: {error}") from error
