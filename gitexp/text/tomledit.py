"""Set one value in the text of a TOML file, and leave every other character as its author wrote it.

A change is tried in the ways in which TOML lets a key be written, and taken only where the parsed text then differs in
that one value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from gitexp.text.bounded import load_toml
from gitexp.text.keylines import key_lines
from gitexp.text.schema import KeyPath, inline

_TRIES = 64  # braces behind a key that may close the table it stands in


def set_string(text: str, path: KeyPath, value: str) -> str | None:
    """Valid TOML with the string at `path` replaced, or added to its table, which must be there.

    None: no way was found. `value` needs no escapes.
    """
    tables = load_toml(text)
    if _at(tables, path[:-1]) is None:
        return None
    old = _at(tables, path)
    _at(tables, path[:-1])[path[-1]] = value
    wanted = _canonical(tables)
    ways = _replacements(text, path, str(old), value) if old is not None else _additions(text, path, f'"{value}"')
    return next((one for one in ways if _parses_to(one, wanted)), None)


def set_texts(text: str, path: KeyPath, values: Sequence[str]) -> str | None:
    """Valid TOML with the array of strings at `path` replaced, or added; its table is added where it is missing."""
    tables = load_toml(text)
    old, spelled = _at(tables, path), inline(list(values))
    tables.setdefault(path[0], {})
    if len(path) != 2 or not isinstance(tables[path[0]], dict):
        return None
    tables[path[0]][path[1]] = list(values)
    wanted = _canonical(tables)
    if old is not None:
        start = _start_of_line(text, key_lines(text)[path])
        begin = text.find("[", text.find("=", start))
        ends = (at for at in range(begin + 1, len(text) + 1) if text[at - 1] == "]")
        ways: Iterator[str] = (text[:begin] + spelled + text[end:] for end in islice(ends, _TRIES))
    else:
        lone = f"{text.rstrip()}\n\n[{path[0]}]\n{path[1]} = {spelled}\n".lstrip()
        ways = chain(_additions(text, path, spelled), [lone])
    return next((one for one in ways if _parses_to(one, wanted)), None)


def _at(tables: Mapping[str, Any], path: KeyPath) -> Any:
    found: Any = tables
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _canonical(tables: Mapping[str, Any]) -> str:
    return json.dumps(tables, sort_keys=True, default=str)  # unlike ==, finds nan to be nan, and 1 not to be 1.0


def _parses_to(text: str, wanted: str) -> bool:
    try:
        return _canonical(load_toml(text)) == wanted
    except ValueError:
        return False


def _replacements(text: str, path: KeyPath, old: str, value: str) -> Iterator[str]:
    start = _start_of_line(text, key_lines(text)[path])
    for quote in ("",) if old else ('"', "'"):
        at = text.find(quote + old + quote, start)
        while at >= 0:
            yield text[:at] + quote + value + quote + text[at + len(quote + old + quote) :]
            at = text.find(quote + old + quote, at + 1)


def _additions(text: str, path: KeyPath, spelled: str) -> Iterator[str]:
    lines, numbers = text.split("\n"), key_lines(text)
    table, entry = path[:-1], f"{path[-1]} = {spelled}"
    siblings = [numbers[key] for key in numbers if key[:-1] == table]
    for number in siblings:  # a line of its own, below a key of the same table, which may be dotted or indented
        written = re.match(r"""(\s*(?:[\w."'-]*\.\s*)?)["']?[\w-]+["']?\s*=""", lines[number - 1])
        if written:
            yield _with_line(lines, number, written[1] + entry)
    if table in numbers:
        yield _with_line(lines, numbers[table], entry)
        at = _start_of_line(text, numbers[table])  # { … } on one line or several
        for _ in range(_TRIES):
            at = text.find("}", at) + 1
            if not at:
                return
            yield f"{text[: at - 1].rstrip()}, {entry} {text[at - 1 :]}"


def _with_line(lines: list[str], after: int, line: str) -> str:
    ending = "\r" if lines[after - 1].endswith("\r") else ""
    return "\n".join([*lines[:after], line + ending, *lines[after:]])


def _start_of_line(text: str, number: int) -> int:
    return sum(len(line) + 1 for line in text.split("\n")[: number - 1])
