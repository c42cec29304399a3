"""Anybody's history.csv as rows, each with its attempt: what a run that goes on has logged before."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import IO

from gitexp.record.metrics import MAX_METRICS, Number, Row, metric_name_problem, parse_number
from gitexp.record.rowblocks import Block, blocks
from gitexp.text.bounded import Unreadable

# Python's own int() and float() take underscores, blanks, other scripts' digits and any number of them.
_NUMBER_CHARS = frozenset("0123456789+-.eE")
_MAX_CELL = 400
MAX_LINE_BYTES = 4 * 2**20  # 10,000 metrics, each of 400 characters


def past_blocks(file: IO[bytes], *, where: str = "history.csv") -> Iterator[tuple[int, Block]]:
    """The rows of an open history.csv, in its order, with their attempt. Without that column it is the first.

    Raises Unreadable for one that breaks the format, once the rows before were taken.
    """
    for attempt, some in groupby(past_rows(file, where=where), key=itemgetter(0)):
        for block in blocks(row for _, row in some):
            yield attempt, block


def past_rows(file: IO[bytes], *, where: str = "history.csv") -> Iterator[tuple[int, Row]]:
    """The same, row by row: all of them that come before what breaks the format."""
    import csv

    try:
        reader = csv.reader((line.decode() for line in _lines(file, where)), strict=True)
        header = next(reader, None)
        if header is None:
            return
        first = 3 if header[2:3] == ["attempt"] else 2
        columns = tuple(header[first:])
        bad = any(metric_name_problem(name) for name in columns) or len(set(columns)) != len(columns)
        if header[:2] != ["step", "time_s"] or bad or len(columns) > MAX_METRICS:
            raise Unreadable(f"{where} breaks the record format: its first line is not step,time_s,<metrics>")
        for cells in reader:
            yield _row(cells, header, first, where, reader.line_num)
    except (csv.Error, UnicodeDecodeError) as error:
        raise Unreadable(f"{where} is not valid CSV: {error}") from error


def _lines(file: IO[bytes], where: str) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise Unreadable(f"{where} has a line of more than {MAX_LINE_BYTES} bytes")
        yield line


def load_cell(text: str) -> Number | None:
    """A field of history.csv; None: it is no number."""
    if text in ("nan", "inf", "-inf"):
        return float(text)
    if len(text) > _MAX_CELL or not _NUMBER_CHARS.issuperset(text):
        return None
    return parse_number(text)


def _row(cells: list[str], header: list[str], first: int, where: str, line: int) -> tuple[int, Row]:
    if len(cells) != len(header):
        raise Unreadable(f"{where} breaks the record format: line {line} has {len(cells)} cells, not {len(header)}")
    values: dict[str, Number] = {}
    for name, cell in zip(header, cells, strict=True):
        if cell == "":
            continue
        known = load_cell(cell)
        if known is None or (name in ("step", "attempt") and not isinstance(known, int)):
            raise Unreadable(f"{where} breaks the record format: line {line}: {name} is {cell[:40]!r}")
        values[name] = known
    step, time_s = values.pop("step", None), values.pop("time_s", None)
    attempt = values.pop("attempt", 1) if first == 3 else 1
    row = Row(step if isinstance(step, int) else None, None if time_s is None else float(time_s), values)
    return int(attempt), row
