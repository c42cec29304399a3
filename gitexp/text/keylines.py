"""Turn TOML text into the line on which each key stands, which tomllib does not say.

Lines are added to a chunk until tomllib accepts it: that is one statement, and its keys stand where it starts. Parsing
again costs about 2 ms for 240 lines, so this runs only when an error or `check --explain` asks. Lines count from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitexp.text import toml
from gitexp.text.encoding import MARK
from gitexp.text.schema import KeyPath, dotted

# What the line after a whole statement can look like: nothing, a comment, a [header] or key =. Without this test a long
# array would be parsed again at every line.
_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_STARTS = re.compile(rf"\s*(?:$|\#|\[.*\]\s*(?:\#.*)?$|{_KEY}(?:\s*\.\s*{_KEY})*\s*=)")
_MOST_TRIED = 1 << 20  # characters parsed again: a string of many lines that look like keys is tried at each of them
_AT_LINE = re.compile(r"^(.*) \(at line (\d+), column (\d+)\)$", re.DOTALL)


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line of every table, key and array element in valid TOML. An index is its text: ("steps", "0")."""
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}  # arrays of tables, and how many tables each has so far
    table: KeyPath = ()
    for number, chunk, parsed in _statements(text):
        if parsed is None:
            break
        if chunk.lstrip().startswith("["):
            table = _header(parsed, counts, is_array=chunk.lstrip().startswith("[["))
            for end in range(1, len(table) + 1):
                lines.setdefault(table[:end], number)
        else:
            for path in _paths(parsed):
                lines.setdefault(table + path, number)
    return lines


def nearest_line(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """The line of a key, or of the nearest table around it; None where there is none."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), None)


def located(problems: Iterable[tuple[KeyPath, str]], text: str, where: str) -> list[str]:
    """`file:line: key: what` for each problem of a TOML text."""
    lines = key_lines(text)
    return [f"{where}:{nearest_line(lines, path) or 1}: {dotted(path)}: {what}" for path, what in problems]


def syntax_error(text: str, error: toml.TOMLDecodeError) -> tuple[int, str]:
    """Where TOML went wrong, and tomllib's words for it without the place."""
    message = re.sub(r"(?<=declare |mespace )\(.+\)(?= twice| \(at )", _table, str(error))
    located = _AT_LINE.match(message)
    if located:
        return int(located[2]), f"{located[1]} (column {located[3]})"
    # "at end of document": something was opened and never closed. It starts where no chunk was accepted any more.
    started = next((number for number, _, parsed in _statements(text) if parsed is None), text.count("\n") + 1)
    return started, message.replace(" (at end of document)", "") + "; what starts here has no end"


def _table(key: re.Match[str]) -> str:
    """A table as TOML writes it, for the tuple that tomllib prints."""
    from ast import literal_eval

    return f"[{dotted(literal_eval(key[0]))}]"


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any] | None]]:
    """(line, text, parsed) of each key = value and each [header]; parsed is None for what never becomes valid."""
    rest = text.removeprefix(MARK).replace("\r\n", "\n").split("\n")
    chunk: list[str] = []
    start = tried = 0
    for index, line in enumerate(rest):
        if not chunk and (not line.strip() or line.lstrip().startswith("#")):
            continue
        if not chunk:
            start = index
        chunk.append(line)
        if index + 1 < len(rest) and not _STARTS.match(rest[index + 1]):
            continue
        statement = "\n".join(chunk)
        tried += len(statement)
        if tried > _MOST_TRIED:
            chunk += rest[index + 1 :]
            break
        try:
            parsed = toml.loads(statement)
        except toml.TOMLDecodeError:
            continue
        yield start + 1, statement, parsed
        chunk = []
    if chunk:
        yield start + 1, "\n".join(chunk), None


def _header(parsed: dict[str, Any], counts: dict[KeyPath, int], *, is_array: bool) -> KeyPath:
    """The path that a parsed header opens. Below an array of tables it means that array's last table."""
    names = []
    inside: Any = parsed
    while isinstance(inside, dict) and inside:
        (name,) = inside
        names.append(name)
        inside = inside[name]
    path: KeyPath = ()
    for position, name in enumerate(names):
        path = (*path, name)
        if is_array and position == len(names) - 1:
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path = (*path, str(counts[path] - 1))
    return path


def _paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*path, str(index)))
