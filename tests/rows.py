"""Metrics as rows, where a test has them in memory: what the package does with files, some thousand rows at a time."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.record.headline import judged_by
from gitexp.record.headline import summarise as summary_of
from gitexp.record.history import HistoryWriter, Lines, kept
from gitexp.record.metricfiles import read_metric_file
from gitexp.record.metricreader import Reader
from gitexp.record.metrics import MetricRules, Number, Row
from gitexp.record.pasthistory import past_blocks
from gitexp.record.rowblocks import blocks
from gitexp.spool import Room, Spool

Parsed = tuple[list[Row], tuple[str, ...]]


def parse_lines(data: bytes, *, completed: bool = True) -> Parsed:
    reader = Reader("GITEXP_METRICS", strict=True, completed=completed)
    return [row for block in reader.lines(io.BytesIO(data)) for row in block.rows()], reader.problems()


def parse_metric_file(name: str, data: bytes, *, start: int = 0, completed: bool = True) -> Parsed:
    reader = Reader(name, completed=completed)
    found = read_metric_file(reader, io.BytesIO(data), name=name, start=start)
    return [row for block in found for row in block.rows()], reader.problems()


def load_history(data: bytes, *, where: str = "history.csv") -> tuple[list[int], list[Row]]:
    found = [(attempt, row) for attempt, block in past_blocks(io.BytesIO(data), where=where) for row in block.rows()]
    return [attempt for attempt, _ in found], [row for _, row in found]


class HistoryText(NamedTuple):
    kept: bytes
    whole: bytes
    rows: int
    kept_rows: int


def dump_history(
    rows: Sequence[Row],
    *,
    limit_bytes: int,
    attempts: Sequence[int] | None = None,
    goals: Sequence[str] = (),
    in_blocks_of: int = 4096,
) -> HistoryText:
    with Room(Path(tempfile.gettempdir())) as room:
        history, lines = _written(rows, room, attempts, in_blocks_of)
        text, count = kept(history, lines, limit=limit_bytes, goals=goals)
        return HistoryText(text, lines.line(-1) + b"".join(lines.all()), history.rows, count)


def summarise(
    rows: Sequence[Row], *, goal: dict[str, str], summary: dict[str, str], monitor: str | None = None
) -> dict[str, Number]:
    with Room(Path(tempfile.gettempdir())) as room:
        history, lines = _written(rows, room, None, 4096)
        rules = MetricRules(goal=goal, summary=summary, monitor=monitor)
        return summary_of(history, lines, judged_by(history.tallies, rules), rules)


def _written(
    rows: Sequence[Row], room: Room, attempts: Sequence[int] | None, in_blocks_of: int
) -> tuple[HistoryWriter, Lines]:
    history = HistoryWriter(Spool(room), with_attempts=attempts is not None)
    if attempts is not None:
        for row, attempt in zip(rows, attempts, strict=True):
            for block in blocks([row]):
                history.add(block, attempt=attempt)
    else:
        for at in range(0, len(rows), in_blocks_of):
            for block in blocks(rows[at : at + in_blocks_of]):
                history.add(block)
    lines = Lines(Spool(room))
    for piece in history.pieces():
        lines.write(piece)
    return history, lines
