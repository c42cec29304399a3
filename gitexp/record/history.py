"""Blocks of rows to history.csv, whole or a bounded sample of it: memory does not grow with the rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from gitexp.record.rowblocks import Block, only
from gitexp.record.tally import Tally
from gitexp.spool import Spool

SAMPLE_ROWS = 1000
PIECE = 1 << 13  # bytes between two places of the file that are remembered


class Source(NamedTuple):
    """Rows of one origin, one after the other."""

    first_row: int
    in_step: bool  # its steps never fall back


class HistoryWriter:
    """CSV by RFC 4180 with LF: step, time_s, each row's attempt where asked, and the metrics in first-logged order.

    `add` writes lines to `body`, each with the columns that were known by then; `pieces` gives the file as it must be.
    """

    def __init__(
        self, body: Spool, *, with_attempts: bool = False, wanted: Callable[[str], bool] = lambda name: True
    ) -> None:
        """`wanted`: whether a metric of this name is to be written; the others leave no trace."""
        self.body = body
        self._wanted = wanted
        self.rows = 0
        self.tallies: dict[str, Tally] = {}  # in first-logged order
        self.sources: list[Source] = []
        self.first_cell = 3 if with_attempts else 2
        self._grown = [(0, 0)]  # from which byte on, how many columns
        self._size = 0
        self._origin: object = None
        self._step: int | None = None

    def add(self, block: Block, *, attempt: int = 1, origin: object = None) -> None:
        """More rows. `origin`: what they have in common with those before them, if they have."""
        chosen = only(block, self._wanted)
        if chosen is None:
            return
        block, before = chosen, len(self.tallies)
        for name, column in block.columns.items():
            if name not in self.tallies:
                self.tallies[name] = Tally()
            self.tallies[name].add(column, self.rows)
        if len(self.tallies) > before:
            self._grown.append((self._size, len(self.tallies)))
        self._note_source(block.steps, (attempt, origin))
        empty = [""] * len(block.steps)
        texts = [["" if step is None else str(step) for step in block.steps]]
        texts.append(["" if time is None else repr(time) for time in block.times])
        if self.first_cell == 3:
            texts.append([str(attempt)] * len(empty))
        for name in self.tallies:
            logged = block.columns.get(name)
            if logged is None:
                texts.append(empty)
            elif None in logged:
                texts.append(["" if value is None else repr(value) for value in logged])
            else:
                texts.append(list(map(repr, logged)))
        written = "\n".join([*map(",".join, zip(*texts, strict=True)), ""]).encode()
        self.body.write(written)
        self._size += len(written)
        self.rows += len(block.steps)

    def _note_source(self, steps: Sequence[int | None], origin: object) -> None:
        if not self.sources or origin != self._origin:
            self.sources.append(Source(self.rows, True))
            self._origin, self._step = origin, None
        known = [step for step in steps if step is not None]
        if not known:
            return
        falls = known != sorted(known) or (self._step is not None and known[0] < self._step)
        if falls:
            self.sources[-1] = self.sources[-1]._replace(in_step=False)
        self._step = known[-1]

    def header(self) -> bytes:
        """The first line."""
        first = ["step", "time_s", "attempt"][: self.first_cell]
        return (",".join([*first, *map(_quoted, self.tallies)]) + "\n").encode()

    def pieces(self) -> Iterator[bytes]:
        """The whole file."""
        yield self.header()
        self.body.seek(0)
        for (start, columns), (end, _) in pairwise([*self._grown, (self._size, 0)]):
            padding = b"," * (len(self.tallies) - columns) + b"\n"
            left = end - start
            while left:
                piece = self.body.read(min(PIECE, left))
                left -= len(piece)
                yield piece if padding == b"\n" else piece.replace(b"\n", padding)


def renamed_columns(history: bytes, rename: Callable[[str], str]) -> bytes:
    """The same history.csv with other names for its columns."""
    from csv import reader

    header, newline, rest = history.partition(b"\n")
    names = next(reader([header.decode()]), [])
    return ",".join(_quoted(rename(name)) for name in names).encode() + newline + rest


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if "," in name or '"' in name else name


class Lines:
    """The rows of a history.csv that is written piece by piece, found by their numbers."""

    def __init__(self, file: Spool) -> None:
        self.file = file
        self._rows, self._offsets = [], []  # type: list[int], list[int]
        self._row, self._offset = -1, 0  # the header is no row

    def write(self, piece: bytes) -> None:
        """Append to the file."""
        end = piece.find(b"\n") + 1
        if end:
            self._rows.append(self._row + 1)
            self._offsets.append(self._offset + end)
        self.file.write(piece)
        self._row += piece.count(b"\n")
        self._offset += len(piece)

    def line(self, row: int) -> bytes:
        """A row, with its end; -1: the header."""
        if row < 0:
            self.file.seek(0)
            return self.file.readline()
        at = bisect_right(self._rows, row) - 1
        self.file.seek(self._offsets[at])
        for _ in range(row - self._rows[at]):
            self.file.readline()
        return self.file.readline()

    def all(self) -> Iterator[bytes]:
        """Every row."""
        self.file.seek(0)
        self.file.readline()
        return iter(self.file)


def kept(history: HistoryWriter, lines: Lines, *, limit: int, goals: Iterable[str]) -> tuple[bytes, int]:
    """What git keeps of a history, and how many rows that is: the whole up to `limit` bytes, else a sample."""
    lines.file.seek(0)
    whole = lines.file.read(limit + 1)
    if len(whole) <= limit:
        return whole, history.rows
    header, known = history.header(), {}  # type: bytes, dict[int, int]

    def size_of(row: int) -> int:
        if row not in known:
            known[row] = len(lines.line(row))
        return known[row]

    needed = _needed(history.rows, history.tallies, goals)
    rows = sample(history.rows, needed, room=limit - len(header), size_of=size_of)
    return header + b"".join(map(lines.line, rows)), len(rows)


def _needed(rows: int, tallies: Mapping[str, Tally], goals: Iterable[str]) -> list[int]:
    """What a sample should have, most wanted first: the first, the last, minima and maxima, those with a goal first."""
    wanted = [0, rows - 1]
    for name in dict.fromkeys([*(goal for goal in goals if goal in tallies), *tallies]):
        tally = tallies[name]
        if tally.lowest is not None and tally.highest is not None:
            wanted += [tally.lowest.row, tally.highest.row]
    return list(dict.fromkeys(wanted))


def sample(rows: int, needed: Sequence[int], *, room: int, size_of: Callable[[int], int]) -> list[int]:
    """The numbers of at most 1,000 rows to keep, whose lines take at most `room` bytes. docs/format.md states how."""
    fixed: set[int] = set()
    for row in needed:
        size = size_of(row) if len(fixed) < SAMPLE_ROWS else room + 1
        if size <= room:
            fixed.add(row)
            room -= size
    gaps = sorted(fixed)
    gaps = [row - before for before, row in enumerate(gaps)]  # how many of the others come before each
    others = rows - len(fixed)

    def spread(count: int) -> list[int]:
        picked = ((2 * i + 1) * others // (2 * count) for i in range(count))
        return [at + bisect_right(gaps, at) for at in picked]

    def fits(count: int) -> bool:
        size = 0
        for row in spread(count):
            size += size_of(row)
            if size > room:
                return False
        return True

    most = min(SAMPLE_ROWS - len(fixed), others)
    if most and not fits(most):
        fit, too_many = 0, most
        while too_many - fit > 1:
            middle = (fit + too_many) // 2
            fit, too_many = (middle, too_many) if fits(middle) else (fit, middle)
        most = fit
    return sorted(fixed.union(spread(most)))
