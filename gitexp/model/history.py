"""Rows to the text of history.csv, whole or a bounded sample of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from gitexp.model.metrics import Number, Row, number_text

SAMPLE_ROWS = 1000


class HistoryText(NamedTuple):
    """What git keeps of a history, and the whole where that is more."""

    kept: bytes  # empty when nothing was logged
    whole: bytes | None  # None: `kept` is the whole
    rows: int  # logged
    kept_rows: int


def dump_history(rows: Sequence[Row], *, limit_bytes: int, attempts: Sequence[int] | None = None) -> HistoryText:
    """CSV by RFC 4180 with LF: step, time_s, each row's attempt where given, and the metrics in first-logged order.

    Whole up to `limit_bytes`. Beyond, at most 1,000 rows, in order: the first, the last, each metric's minimum and
    maximum (where they were first logged), and of the rest as many as fit the limit, evenly spaced.
    """
    if not rows:
        return HistoryText(b"", None, 0, 0)
    seen: dict[str, Number] = {}
    for row in rows:
        seen.update(row.values)
    columns = list(seen)
    head = ["step", "time_s"] if attempts is None else ["step", "time_s", "attempt"]
    header = ",".join(head + [_quoted(name) for name in columns]) + "\n"
    lines = list(_lines(rows, columns, attempts))
    whole = (header + "".join(lines)).encode()
    if len(whole) <= limit_bytes:
        return HistoryText(whole, None, len(rows), len(rows))
    picked = _sample(rows, [len(line) for line in lines], room=limit_bytes - len(header.encode()))
    kept = (header + "".join([lines[i] for i in picked])).encode()
    return HistoryText(kept, whole, len(rows), len(picked))


def renamed_columns(history: bytes, rename: Callable[[str], str]) -> bytes:
    """The same history.csv with other names for its columns."""
    from csv import reader

    header, newline, rest = history.partition(b"\n")
    names = next(reader([header.decode()]), [])
    return ",".join(_quoted(rename(name)) for name in names).encode() + newline + rest


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if "," in name or '"' in name else name


def _lines(rows: Sequence[Row], columns: list[str], attempts: Sequence[int] | None) -> Iterator[str]:
    for index, (step, time_s, values) in enumerate(rows):
        if len(columns) == 1:
            cells = number_text(values[columns[0]]) if values else ""
        else:
            cells = ",".join([number_text(values[name]) if name in values else "" for name in columns])
        start = "" if step is None else str(step)
        attempt = "" if attempts is None else f"{attempts[index]},"
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
