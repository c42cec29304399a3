"""CSV and TSV to pieces of text, by RFC 4180. A row with too few or too many cells is a Fault, and counts as a row."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gitexp.errors import counted
from gitexp.tables.rows.readers.pieces import PIECE_CELLS, PIECE_ROWS, Fault, Head, Items, Options, Piece
from gitexp.tables.rows.readers.textblocks import TextLines, damage_in

LONGEST_CELL = 1 << 24
PIECE_CHARACTERS = 1 << 22
_DATE = re.compile(r"\s*\d{4}-\d\d-\d\d")
_WORDS = {
    "unexpected end of data": "a quote that opens here is never closed",
    "field larger than field limit": "a cell of more than 16 MiB: is a quote not closed?",
    "expected after": "text behind a closing quote",
}


def read(path: Path, options: Options) -> Items:
    """The columns of a file. Without a header they are called 0, 1, 2, …"""
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield from _read(path, options)
    finally:
        csv.field_size_limit(before)


def _read(path: Path, options: Options) -> Items:
    lines = TextLines(path, options, newline="")
    first_line = lines.first.partition("\n")[0]
    # What a spreadsheet writes where the comma is a decimal point has semicolons.
    delimiter = "\t" if options.tabs else max(",;\t", key=first_line.count)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    batches = _batches(reader, lines)
    first = next(batches, None)
    if first is None or not any(first[0]):
        yield Fault("header", "is empty: not even a header" if first is None or first[2] is None else first[2], line=1)
        return
    rows, line, problem = first
    while rows and not rows[0]:
        rows, line = rows[1:], line + 1
    headed = options.header if options.header is not None else not all(map(_is_number, rows[0]))
    names = [cell.strip() or str(at) for at, cell in enumerate(rows[0])]
    if not headed:
        names = [str(at) for at in range(len(names))]
    doubtful = headed and options.header is None and any(_is_number(cell) or _DATE.match(cell) for cell in rows[0])
    yield Head(tuple(names), may_be_row=doubtful)
    yield from _header_faults(names, line)
    if headed:
        line += 1 + _newlines(rows[0])
        rows = rows[1:]
    at = 0
    while True:
        for item in _pieces(rows, at, line, reader.line_num, names, lines, options):
            at += item.row_count if isinstance(item, Piece) else 0
            yield item
        if problem is not None:
            yield Fault("row", problem, row=at, line=line + sum(1 + _newlines(row) for row in rows))
            yield Piece({}, (), None, 1, True)
            at += 1
        following = next(batches, None)
        if following is None:
            return
        rows, line, problem = following


def _batches(reader: Any, lines: TextLines) -> Iterator[tuple[list[list[str]], int, str | None]]:
    """Some records, the line of the first, and what is wrong with the one after them."""
    limit = 64
    while True:
        rows: list[list[str]] = []
        line, problem = reader.line_num + 1, None
        try:
            for row in reader:
                rows.append(row)
                if len(rows) >= limit:
                    break
        except csv.Error as error:
            problem = next((words for known, words in _WORDS.items() if known in str(error)), str(error))
        if not rows and problem is None:
            return
        yield rows, line, problem
        # So that long rows and wide ones take no more memory than others.
        read = max(reader.line_num, 1)
        width = max(map(len, rows[-1:]), default=1) or 1
        limit = max(1, min(PIECE_ROWS, PIECE_CELLS // width, PIECE_CHARACTERS * read // max(lines.consumed, 1)))


def _header_faults(names: Sequence[str], line: int) -> Items:
    for name, times in Counter(names).items():
        if times > 1:
            yield Fault("header", f"{times} columns have this name; only the first is read", line=line, column=name)
        damage = damage_in(name)
        if damage:
            yield Fault("encoding", f"the column's name {damage}", line=line, column=name)


def _pieces(
    rows: list[list[str]],
    at: int,
    line: int,
    last_line: int,
    names: Sequence[str],
    lines: TextLines,
    options: Options,
) -> Iterator[Fault | Piece]:
    count, width = len(rows), len(names)
    if not count:
        return
    places: Sequence[int] = range(at, at + count)
    row_lines: Sequence[int] = range(line, line + count)
    if last_line - line + 1 != count or set(map(len, rows)) != {width}:
        kept = [(row, of) for row, of in zip(rows, _lines_of(rows, line), strict=True) if row]
        count, good = len(kept), []
        for place, (row, of) in enumerate(kept, at):
            if len(row) == width:
                good.append((row, place, of))
            else:
                there_are = counted(len(row), "cell")
                yield Fault("row", f"{there_are}, and there are {width} columns", row=place, line=of)
        rows, places, row_lines = [row for row, _, _ in good], [p for _, p, _ in good], [of for _, _, of in good]
    by_column: list[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * width
    columns: dict[str, Sequence[str]] = {}
    for name, cells in zip(names, by_column, strict=True):
        if name not in columns and (options.fields is None or name in options.fields):
            columns[name] = cells
    if lines.suspicious:
        yield from _damaged_cells(columns, places, row_lines)
    yield Piece(columns, places, row_lines, count, True)


def _lines_of(rows: Sequence[Sequence[str]], line: int) -> list[int]:
    """The line on which each record starts: cells may hold newlines."""
    found = []
    for row in rows:
        found.append(line)
        line += 1 + _newlines(row)
    return found


def _newlines(row: Sequence[str]) -> int:
    return sum(cell.count("\n") + cell.count("\r") - cell.count("\r\n") for cell in row)


def _damaged_cells(columns: dict[str, Sequence[str]], places: Sequence[int], lines: Sequence[int]) -> Iterator[Fault]:
    for name, cells in columns.items():
        for place, line, cell in zip(places, lines, cells, strict=True):
            damage = None if cell.isascii() and "\0" not in cell else damage_in(cell)
            if damage:
                yield Fault("encoding", damage, row=place, line=line, column=name)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
