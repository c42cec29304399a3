"""Anybody's history.csv as rows, each with its attempt: what a run that goes on has logged before."""

from __future__ import annotations

import io

from gitexp.model.metrics import MAX_METRICS, Number, Row, metric_name_problem, parse_number
from gitexp.model.run import Unreadable

MAX_BYTES = 64 * 2**20  # of a history.csv that is read

# Python's own int() and float() take underscores, blanks, other scripts' digits and any number of them.
_NUMBER_CHARS = frozenset("0123456789+-.eE")
_MAX_CELL = 400


def load_history(data: bytes, *, where: str = "history.csv") -> tuple[list[int], list[Row]]:
    """The attempts and the rows of a history.csv, in its order. Without that column all are of the first attempt.

    Raises Unreadable for one that breaks the format.
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(f"{where} has {len(data)} bytes; gitexp reads up to {MAX_BYTES}")
    if not data:
        return [], []
    import csv

    try:
        reader = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
        header = next(reader)
        first = 3 if header[2:3] == ["attempt"] else 2
        columns = tuple(header[first:])
        bad = any(metric_name_problem(name) for name in columns) or len(set(columns)) != len(columns)
        if header[:2] != ["step", "time_s"] or bad or len(columns) > MAX_METRICS:
            raise Unreadable(f"{where} breaks the record format: its first line is not step,time_s,<metrics>")
        read = [_row(cells, header, first, where, reader.line_num) for cells in reader]
        return [attempt for attempt, _ in read], [row for _, row in read]
    except (csv.Error, UnicodeDecodeError) as error:
        raise Unreadable(f"{where} is not valid CSV: {error}") from error


def _cell(text: str) -> Number | None:
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
        known = _cell(cell)
        if known is None or (name in ("step", "attempt") and not isinstance(known, int)):
            raise Unreadable(f"{where} breaks the record format: line {line}: {name} is {cell[:40]!r}")
        values[name] = known
    step, time_s = values.pop("step", None), values.pop("time_s", None)
    attempt = values.pop("attempt", 1) if first == 3 else 1
    row = Row(step if isinstance(step, int) else None, None if time_s is None else float(time_s), values)
    return int(attempt), row
