"""Compare a table with the shape it should have, and turn every difference into the end of an error line.

A shape is a dict of known keys. What stands under a key is a check (value → complaint or None), another shape, `Each`
(keys that the user chose) or `Either` (a value or a table). Shared by recipes and gitexp.toml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from gitexp.text import toml

KeyPath = tuple[str, ...]
Problem = tuple[KeyPath, str]
Check = Callable[[Any], "str | None"]

_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class Each:
    """A table whose keys the user chooses: what each value is, and what may be wrong with a key."""

    def __init__(self, value: Shape | Check, *, name: Callable[[str], str | None] | None = None) -> None:
        self.value = value
        self.name = name


class Either:
    """A plain value or a table."""

    def __init__(self, plain: Check, table: Mapping[str, Shape | Check] | Each) -> None:
        self.plain = plain
        self.table = table


Shape = Mapping[str, "Shape | Check"] | Each | Either


def problems_in(table: Mapping[str, Any], shape: Shape, path: KeyPath = ()) -> Iterator[Problem]:
    """Unknown keys and wrong types, each with its key path."""
    shape = shape.table if isinstance(shape, Either) else shape
    for key, value in table.items():
        at = (*path, key)
        part: Shape | Check | None
        if isinstance(shape, Each):
            part = shape.value
            complaint = shape.name(key) if shape.name else None
            if complaint:
                yield at, complaint
        else:
            part = shape.get(key)
            if part is None:
                yield at, "unknown key" + (near(key, shape) or f"; known here: {', '.join(shape)}")
                continue
        yield from _problems_at(at, value, part)


def _problems_at(path: KeyPath, value: Any, part: Shape | Check) -> Iterator[Problem]:
    if isinstance(value, dict) and not callable(part):
        yield from problems_in(value, part, path)
    elif isinstance(part, Either):
        complaint = part.plain(value)
        if complaint:
            yield path, complaint
    elif callable(part):
        complaint = part(value)
        if complaint:
            yield path, complaint
    else:
        yield path, expected("a table", value)


def has_key(shape: Shape, path: KeyPath, values: Any) -> bool:
    """Whether the shape knows this key, set or not. Keys that the user chooses must be in `values`."""
    part: Shape | Check = shape
    for key in path:
        if callable(part):
            return False
        part = part.table if isinstance(part, Either) else part
        if isinstance(part, Each):
            if not isinstance(values, dict) or key not in values:
                return False
            part = part.value
        else:
            if key not in part:
                return False
            part = part[key]
        values = values.get(key) if isinstance(values, dict) else None
    return True


def leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every value in a table with its key path. Arrays are values, and so are empty tables."""
    if isinstance(value, dict) and (value or not path):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


# ---- checks


def expected(what: str, value: Any) -> str:
    """The usual complaint."""
    return f"expected {what}, got {spell(value)}"


def text(value: Any) -> str | None:
    return None if isinstance(value, str) else expected("a string", value)


def texts(value: Any) -> str | None:
    right = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return None if right else expected("an array of strings", value)


def some_values(value: Any) -> str | None:
    return None if isinstance(value, list) and value else expected("an array of values", value)


def version(value: Any) -> str | None:
    major, _, minor = value.partition(".") if isinstance(value, str) else ("", "", "")
    right = all(part.isdecimal() and part.isascii() and len(part) <= 6 for part in (major, minor))
    return None if right else expected('a version such as "1.0"', value)


def yes_or_no(value: Any) -> str | None:
    return None if isinstance(value, bool) else expected("true or false", value)


def integer(value: Any) -> str | None:
    return None if type(value) is int else expected("an integer", value)


def number(value: Any) -> str | None:
    right = isinstance(value, int | float) and not isinstance(value, bool) and value - value == 0
    return None if right else expected("a finite number", value)


def one_of(*choices: str) -> Check:
    def check(value: Any) -> str | None:
        if value in choices and isinstance(value, str):
            return None
        shown = " or ".join(f'"{choice}"' for choice in choices)
        hint = near(value, choices, quotes='"') if isinstance(value, str) else ""
        return expected(shown, value) + hint

    return check


def at_least(least: int) -> Check:
    def check(value: Any) -> str | None:
        return None if type(value) is int and value >= least else expected(f"an integer from {least}", value)

    return check


def anything(_value: Any) -> None:
    return None


# ---- spelling

_KINDS = {
    "bool": "a boolean",
    "int": "an integer",
    "float": "a float",
    "str": "a string",
    "list": "an array",
    "dict": "a table",
    "datetime": "a date-time",
    "date": "a date",
    "time": "a time",
}


def kind(value: Any) -> str:
    """TOML's name for the type of a value, with its article."""
    return _KINDS[type(value).__name__]


def spell(value: Any, *, limit: int = 60) -> str:
    """A value as TOML on one line, safe to print; long ones are cut at `limit` characters, tables are only named."""
    if isinstance(value, dict):
        return "a table"
    spelled = inline(value)
    return spelled if len(spelled) <= limit else spelled[: limit - 1] + "…"


def inline(value: Any) -> str:
    """A value as TOML on one line, safe to print."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quote_key(key)} = {inline(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return quoted(value) if isinstance(value, str) else scalar(value)


def scalar(value: Any) -> str:
    """A number, boolean or time in TOML's spelling; a string as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)  # TOML reads what Python writes for numbers, nan, inf and times


def quoted(value: str) -> str:
    """A basic string of TOML in which nothing can move a cursor or turn text around."""
    if value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    import json

    return escaped(json.dumps(value, ensure_ascii=False))


def escaped(value: str) -> str:
    """Text with its unprintable characters written as TOML's escapes."""
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in value)


def _escape(code: int) -> str:
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


@lru_cache(maxsize=4096)
def quote_key(key: str) -> str:
    """One part of a key path, quoted where TOML needs it."""
    return key if key and _BARE.issuperset(key) else quoted(key)


def dotted(path: Iterable[str]) -> str:
    """A key path as it would be typed: metrics.goal."val.acc"."""
    return ".".join(map(quote_key, path))


def split_key(typed: str) -> KeyPath | None:
    """The parts of a typed key path; None when it is none. Parts with dots stand in quotes, as in TOML."""
    parts: list[str] = []
    rest = typed
    while True:
        rest = rest.lstrip(" ")
        if rest[:1] in ('"', "'"):
            end = _closing_quote(rest)
            try:
                parts.append(toml.loads(f"k = {rest[:end]}")["k"])
            except toml.TOMLDecodeError:
                return None
            rest = rest[end:].lstrip(" ")
        else:
            part, _, _ = rest.partition(".")
            rest = rest[len(part) :]
            part = part.rstrip(" ")
            # More than TOML's bare keys pass here, so that nobody must quote a key for its ä.
            if not part or any(c in part for c in "\"'={}[]#,;\\ ") or not part.isprintable():
                return None
            parts.append(part)
        if not rest:
            return tuple(parts)
        if rest[0] != ".":
            return None
        rest = rest[1:]


def _closing_quote(typed: str) -> int:
    """The index behind the quoted string that `typed` starts with; its length when nothing closes it."""
    quote, index = typed[0], 1
    while index < len(typed):
        if typed[index] == "\\" and quote == '"':
            index += 1
        elif typed[index] == quote:
            return index + 1
        index += 1
    return len(typed)


def near(word: str, choices: Iterable[str], *, quotes: str = "") -> str:
    """`; did you mean …?` for the closest choice, or nothing."""
    from difflib import get_close_matches

    known = list(choices)
    found = get_close_matches(word, known, n=1, cutoff=0.6)
    if not found:
        # A part of a longer one: `lr` for optimizer.lr, `wine` for wine-centroid.
        found = [choice for choice in known if choice.endswith(f".{word}") or (word and choice.startswith(word))][:1]
    return f"; did you mean {quotes}{found[0]}{quotes}?" if found else ""
