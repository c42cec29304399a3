"""Rows as the text of history.csv, whole or a bounded sample of them, and that text back as rows."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitexp.model.metrics import MAX_METRICS, Number, Row, metric_name_problem, number, number_text
from gitexp.model.run import Unreadable

SAMPLE_ROWS = 1000
MAX_BYTES = 64 * 2**20  # of a history.csv that is read


class HistoryText(NamedTuple):
    """What git keeps of a history, and the whole where that is more."""

    kept: bytes  # empty when nothing was logged
    whole: bytes | None  # None: `kept` is the whole
    rows: int  # logged
    kept_rows: int


def dump_history(rows: Sequence[Row], *, limit_bytes: int, attempt: int | None = None) -> HistoryText:
    """CSV by RFC 4180 with LF: step, time_s, attempt where one is given, and the metrics in first-logged order.

    Whole up to `limit_bytes`. Beyond, at most 1,000 rows, in order: the first, the last, each metric's minimum and
    maximum (where they were first logged), and of the rest as many as fit the limit, evenly spaced.
    """
    if not rows:
        return HistoryText(b"", None, 0, 0)
    seen: dict[str, Number] = {}
    for row in rows:
        seen.update(row.values)
    columns = list(seen)
    head = ["step", "time_s"] if attempt is None else ["step", "time_s", "attempt"]
    header = ",".join(head + [_quoted(name) for name in columns]) + "\n"
    lines = list(_lines(rows, columns, "" if attempt is None else f"{attempt},"))
    whole = (header + "".join(lines)).encode()
    if len(whole) <= limit_bytes:
        return HistoryText(whole, None, len(rows), len(rows))
    picked = _sample(rows, [len(line) for line in lines], room=limit_bytes - len(header.encode()))
    kept = (header + "".join([lines[i] for i in picked])).encode()
    return HistoryText(kept, whole, len(rows), len(picked))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if "," in name or '"' in name else name


def _lines(rows: Sequence[Row], columns: list[str], attempt: str) -> Iterator[str]:
    for step, time_s, values in rows:
        if len(columns) == 1:
            cells = number_text(values[columns[0]]) if values else ""
        else:
            cells = ",".join([number_text(values[name]) if name in values else "" for name in columns])
        start = "" if step is None else str(step)
        yield f"{start},{'' if time_s is None else number_text(time_s)},{attempt}{cells}\n"


def _sample(rows: Sequence[Row], sizes: list[int], *, room: int) -> list[int]:
    """The numbers of the rows to keep. `sizes` are the lines' lengths in bytes; lines of numbers are ASCII."""
    fixed = {0: None, len(rows) - 1: None}
    for index in _extremes(rows):
        if len(fixed) >= SAMPLE_ROWS:
            break
        fixed[index] = None
    spread = SAMPLE_ROWS - len(fixed)
    while True:
        picked = sorted({*fixed, *((2 * i + 1) * len(rows) // (2 * spread) for i in range(spread))})
        size = sum(sizes[i] for i in picked)
        if size <= room or spread == 0:
            return picked
        spread = spread * max(room, 0) // size if spread > 1 else 0


def _extremes(rows: Sequence[Row]) -> Iterator[int]:
    """Where each metric's minimum and maximum were first logged, metric by metric. NaN is neither."""
    lowest: dict[str, tuple[Number, int]] = {}
    highest: dict[str, tuple[Number, int]] = {}
    for index, row in enumerate(rows):
        for name, value in row.values.items():
            if value != value:
                continue
            if name not in lowest:
                lowest[name] = highest[name] = (value, index)
            elif value < lowest[name][0]:
                lowest[name] = (value, index)
            elif value > highest[name][0]:
                highest[name] = (value, index)
    for name, (_, index) in lowest.items():
        yield index
        yield highest[name][1]


# Python's own int() and float() take underscores, blanks, other scripts' digits and any number of them.
_NUMBER_CHARS = frozenset("0123456789+-.eE")
_MAX_CELL = 400


def load_history(data: bytes, *, where: str = "history.csv") -> tuple[tuple[str, ...], list[Row]]:
    """The metrics and rows of anybody's history.csv. The attempt of a row is not read. Raises Unreadable."""
    if len(data) > MAX_BYTES:
        raise Unreadable(f"{where} has {len(data)} bytes; gitexp reads up to {MAX_BYTES}")
    if not data:
        return (), []
    import csv

    try:
        reader = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
        header = next(reader)
        first = 3 if header[2:3] == ["attempt"] else 2
        columns = tuple(header[first:])
        bad = any(metric_name_problem(name) for name in columns) or len(set(columns)) != len(columns)
        if header[:2] != ["step", "time_s"] or bad or len(columns) > MAX_METRICS:
            raise Unreadable(f"{where} breaks the record format: its first line is not step,time_s,<metrics>")
        return columns, [_row(cells, header, first, where, reader.line_num) for cells in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise Unreadable(f"{where} is not valid CSV: {error}") from error


def _cell(text: str) -> Number | None:
    if text in ("nan", "inf", "-inf"):
        return float(text)
    if len(text) > _MAX_CELL or not _NUMBER_CHARS.issuperset(text):
        return None
    try:
        return number(int(text))
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def _row(cells: list[str], header: list[str], first: int, where: str, line: int) -> Row:
    if len(cells) != len(header):
        raise Unreadable(f"{where} breaks the record format: line {line} has {len(cells)} cells, not {len(header)}")
    values: dict[str, Number] = {}
    for name, cell in zip(header, cells, strict=True):
        if cell == "":
            continue
        known = _cell(cell)
        if known is None or (name == "step" and not isinstance(known, int)):
            raise Unreadable(f"{where} breaks the record format: line {line}: {name} is {cell[:40]!r}")
        values[name] = known
    step, time_s = values.pop("step", None), values.pop("time_s", None)
    if first == 3:
        values.pop("attempt", None)
    return Row(step if isinstance(step, int) else None, None if time_s is None else float(time_s), values)
