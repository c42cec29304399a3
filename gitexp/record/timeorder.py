"""Rows of several sources, or of one that several processes wrote to, as one list in the order of time.

What memory should not hold waits in a file that the caller gives.
"""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from gitexp.record.metrics import Row
from gitexp.record.rowblocks import Block

_RUN = 50_000  # rows sorted in memory at a time
_PIECE = 256

_Timed = tuple[float, int, int | None, float | None, dict[str, float | int]]  # (when, place), and the row


class OutOfOrder(Exception):
    """A row is older than one before it."""


def watched(blocks: Iterator[Block]) -> Iterator[Block]:
    """The same, as long as times do not fall back; then OutOfOrder."""
    newest = 0.0
    for block in blocks:
        times = [newest, *(time for time in block.times if time is not None)]
        if times != sorted(times):
            raise OutOfOrder
        newest = times[-1]
        yield block


def in_time(sources: Sequence[Iterator[Block]], beside: IO[bytes]) -> Iterator[Row]:
    """All rows by time. One without a time stays behind the row that it follows in its own source."""
    runs: list[Iterator[_Timed]] = []
    some: list[_Timed] = []
    for timed in _timed(sources):
        some.append(timed)
        if len(some) == _RUN:
            runs.append(_set_aside(sorted(some), beside))
            some = []
    ordered: Iterable[_Timed] = sorted(some)
    if runs:
        import heapq

        ordered = heapq.merge(*runs, ordered)
    for _, _, step, time_s, values in ordered:
        yield Row(step, time_s, values)


def _timed(sources: Sequence[Iterator[Block]]) -> Iterator[_Timed]:
    place = 0
    for source in sources:
        known = 0.0
        for block in source:
            for step, time_s, values in block.rows():
                known = known if time_s is None else time_s
                place += 1
                yield known, place, step, time_s, values


def _set_aside(rows: list[_Timed], beside: IO[bytes]) -> Iterator[_Timed]:
    pieces: list[tuple[int, int]] = []
    for at in range(0, len(rows), _PIECE):
        data = marshal.dumps(rows[at : at + _PIECE])
        pieces.append((beside.tell(), len(data)))
        beside.write(data)
    beside.flush()
    return _taken_up(pieces, beside.fileno())


def _taken_up(pieces: list[tuple[int, int]], fd: int) -> Iterator[_Timed]:
    for at, size in pieces:
        yield from marshal.loads(os.pread(fd, size, at))
