"""The text of anybody's history.csv to columns, and a column to the series of one metric; opens nothing.

Quick, since a report reads a thousand of them: what is written as gitexp writes it is taken column by column. All else
is read line by line, up to the first damage, which is then a sentence.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from io import BytesIO
from math import inf
from typing import NamedTuple

from gitexp.record.metrics import MAX_METRICS, Number, metric_name_problem
from gitexp.record.pasthistory import load_cell, past_rows
from gitexp.text.bounded import Unreadable

_NUMBERS = b"0123456789+-.eE,\nnaif"  # what the cells of a sound file are made of, nan and inf with them
_WHOLE = 2**53  # up to here floats hold every integer
_PIECE = 1 << 20  # characters


class Series(NamedTuple):
    """One metric of one run, point by point, in the order in which it was logged. All lists have one length."""

    metric: str
    rows: list[int]  # of the table that it was taken from, from 0
    steps: list[int | None]
    times: list[float | None]  # seconds since the run started; of later attempts, behind those before
    epochs: list[Number | None]  # the newest that was logged by then; all None: none was
    values: list[Number]


class RunHistory(NamedTuple):
    """What a run logged, row by row, as columns of one length. None: not said, not logged."""

    steps: Sequence[int | None] = ()
    times: Sequence[float | None] = ()  # seconds since the start of the program
    attempts: Sequence[int] = ()  # of each row; empty: all are of the first
    columns: Mapping[str, Sequence[Number | None]] = {}  # by metric, in first-logged order
    logged: int = 0  # rows in all; more than there are here: this is a sample
    problem: str = ""  # what is wrong with the file, as a sentence; rows before that are here

    @property
    def is_sample(self) -> bool:
        """Whether rows are missing here."""
        return len(self.steps) < self.logged

    def series(self, metric: str) -> Series:
        """The points of a metric; none where it was not logged.

        What an attempt logged after its last checkpoint is there again as the next one logged it: only that counts.
        """
        column = self.columns.get(metric, ())
        rows = [row for row, value in enumerate(column) if value is not None]
        if self.attempts:
            ends = self._ends()
            rows = [row for row in rows if (step := self.steps[row]) is None or step < ends[self.attempts[row]]]
        values: list[Number] = [column[row] for row in rows]  # type: ignore[misc]
        return Series(metric, rows, [self.steps[row] for row in rows], self._times(rows), self._epochs(rows), values)

    def _ends(self) -> dict[int, float]:
        """Of each attempt, the step from which on a later one has begun again."""
        ends, end = {}, inf
        for attempt in sorted(set(self.attempts), reverse=True):
            ends[attempt] = end
            at, after = bisect_left(self.attempts, attempt), bisect_left(self.attempts, attempt + 1)
            end = min(end, next((step for step in self.steps[at:after] if step is not None), inf))
        return ends

    def _times(self, rows: Sequence[int]) -> list[float | None]:
        found = [self.times[row] for row in rows]
        if not self.attempts:
            return found
        shift: dict[int, float] = {}
        before = 0.0
        for attempt in sorted(set(self.attempts)):
            shift[attempt] = before
            at, end = bisect_left(self.attempts, attempt), bisect_left(self.attempts, attempt + 1)
            before += max((time for time in self.times[at:end] if time is not None), default=0.0)
        return [
            None if time is None else time + shift[self.attempts[row]] for row, time in zip(rows, found, strict=True)
        ]

    def _epochs(self, rows: Sequence[int]) -> list[Number | None]:
        name = epoch_of(self.columns)
        if name is None:
            return [None] * len(rows)
        known: Number | None = None
        newest = [known := value if value is not None else known for value in self.columns[name]]
        return [newest[row] for row in rows]


def epoch_of(names: Collection[str]) -> str | None:
    """Which metric counts the epochs: `epoch`, else one whose last word it is (`train/epoch`); None: none does."""
    if "epoch" in names:
        return "epoch"
    return next((name for name in names if re.split(r"[./]", name)[-1] == "epoch"), None)


def load_history(content: bytes, *, logged: int | None = None, wanted: Container[str] | None = None) -> RunHistory:
    """A history.csv. `logged`: how many rows there were, where it may be a sample; `wanted`: only these metrics.

    Never raises: a file that is damaged has its rows up to there, and a problem.
    """
    found = _at_once(content, wanted) or _line_by_line(content, wanted)
    return found._replace(logged=max(logged or 0, len(found.steps)))


def _at_once(content: bytes, wanted: Container[str] | None) -> RunHistory | None:
    """A file as gitexp writes it; None where each line must be looked at. (As JSON it would take no less time.)"""
    header, _, body = content.partition(b"\n")
    if b'"' in header or b"\r" in header or body.translate(None, _NUMBERS):
        return None
    try:
        names = header.decode().split(",")
        first = 3 if names[2:3] == ["attempt"] else 2
        if names[:2] != ["step", "time_s"] or not _are_metrics(names[first:]):
            return None
        columns: list[list[Number | None]] = [[] for _ in names]
        asked = [at for at, name in enumerate(names) if at < first or _is_wanted(name, wanted)]
        for lines in _pieces(body.decode()):
            cells = list(zip(*[line.split(",") for line in lines], strict=True))
            if len(cells) != len(names):
                return None
            for at in asked:
                columns[at] += _numbers(cells[at])
    except ValueError:
        return None
    attempts = columns[2] if first == 3 else ()
    if {type(one) for one in columns[0]} - {int, type(None)} or {type(one) for one in attempts} - {int}:
        return None
    if list(attempts) != sorted(attempts):  # type: ignore[type-var]
        return None
    found = {names[at]: columns[at] for at in asked if at >= first}
    return RunHistory(columns[0], columns[1], attempts, found)  # type: ignore[arg-type]


def _is_wanted(name: str, wanted: Container[str] | None) -> bool:
    return wanted is None or name in wanted or name.endswith("epoch")


def _pieces(body: str) -> Iterator[list[str]]:
    """Whole lines, as many at a time as memory should hold in cells."""
    end = len(body) - body.endswith("\n")
    at = 0
    while at < end:
        after = body.find("\n", at + _PIECE, end)
        after = end if after < 0 else after
        yield body[at:after].split("\n")
        at = after + 1


def _are_metrics(names: Sequence[str]) -> bool:
    known = len(set(names)) == len(names) <= MAX_METRICS
    return known and not any(metric_name_problem(name) for name in names)


def _numbers(cells: Sequence[str]) -> list[Number | None]:
    """Integers where all are, else floats; one by one where a float would not hold an integer, or an integer no float.

    Raises ValueError.
    """
    known = list(filter(None, cells)) if "" in cells else cells
    try:
        found: list[Number] = list(map(int, known))
    except ValueError:
        found = list(map(float, known))
    if found and not (-_WHOLE < sum(found) < _WHOLE and max(found) < _WHOLE and min(found) > -_WHOLE):
        found = list(map(_number, known))
    if len(known) == len(cells):
        return found  # type: ignore[return-value]
    values = iter(found)
    return [next(values) if cell else None for cell in cells]


def _number(cell: str) -> Number:
    known = load_cell(cell)
    if known is None:
        raise ValueError(cell)
    return known


def _line_by_line(content: bytes, wanted: Container[str] | None) -> RunHistory:
    steps: list[int | None] = []
    times: list[float | None] = []
    attempts: list[int] = []
    columns: dict[str, list[Number | None]] = {}
    problem = ""
    try:
        for attempt, row in past_rows(BytesIO(content)):
            for name, value in row.values.items():
                if _is_wanted(name, wanted):
                    column = columns.setdefault(name, [])
                    column += [None] * (len(steps) - len(column))
                    column.append(value)
            steps.append(row.step)
            times.append(row.time_s)
            attempts.append(max(attempt, attempts[-1] if attempts else attempt))
    except Unreadable as error:
        problem = f"{error.what}; its rows from there on are left out"
    for column in columns.values():
        column += [None] * (len(steps) - len(column))
    return RunHistory(steps, times, attempts if attempts and attempts[-1] > 1 else (), columns, problem=problem)
