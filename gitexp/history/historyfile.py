"""The history of a recorded run as blocks of texts, column by column: some thousand rows at a time, whatever its size.

Without the rows that a later attempt logged again. The whole where it is at hand, else what git has of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import islice
from math import inf
from typing import IO, TYPE_CHECKING, NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.history.read import Run
from gitexp.record.metrics import MAX_METRICS, Number, metric_name_problem
from gitexp.record.pasthistory import MAX_LINE_BYTES, load_cell
from gitexp.text.bounded import Unreadable

if TYPE_CHECKING:
    from gitexp.datasets.objects.store import ObjectStore

BLOCK = 4096  # rows
MOST_CELLS = 1 << 19  # of a block
MOST_ATTEMPTS = 10_000
IN_MEMORY = 16 << 20  # bytes of a history
MOST_BYTES = 1 << 30  # of one that git has

Whole = Callable[[Run], "IO[bytes] | None"]  # all rows of a run of which git has a sample; None: not at hand


def whole_from(store: ObjectStore) -> Whole:
    """Whole histories out of the object store of this clone: those that are there, and are what the record names."""

    def open_whole(run: Run) -> IO[bytes] | None:
        kept = run.record.history if run.record else None
        try:
            if kept is None or not store.has(kept.digest) or not store.is_whole(kept.digest):
                return None
            return store.path_of(kept.digest).open("rb")
        except (GitexpError, OSError, ValueError):
            return None

    return open_whole


class RowBlock(NamedTuple):
    """Some rows, as texts by column."""

    first: int  # number of the first in the file, from 1
    numbers: Sequence[int] | None  # of each; None: they follow each other
    steps: Sequence[str]
    columns: Mapping[str, Sequence[str]]


class HistoryFile:
    """The history of one run: `rows` gives all that count, block by block."""

    def __init__(self, reader: ObjectReader, run: Run, whole: Whole) -> None:
        self._reader, self._run, self._whole = reader, run, whole
        stated = run.record.history if run.record else None
        self.logged = stated.rows if stated else 0
        self.is_sample = stated is not None and stated.kept < stated.rows
        self._expected = stated.kept if stated else None
        self.problem = ""

    def __enter__(self) -> HistoryFile:
        self._file = self._open()
        try:
            self.names, self._first = _header(self._file.readline(MAX_LINE_BYTES + 1))
            self._begin = self._file.tell()
            self._ends = self._ends_of_attempts() if self._first == 3 else {}
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def _open(self) -> IO[bytes]:
        if self.is_sample and (found := self._whole(self._run)) is not None:
            self.is_sample, self._expected = False, self.logged
            return found
        if "history.csv" not in self._run.tree and self._expected is None:
            return BytesIO(b"step,time_s\n")  # nothing was logged
        from tempfile import SpooledTemporaryFile

        file = SpooledTemporaryFile(IN_MEMORY)
        for piece in self._reader.blocks(f"{self._run.commit}:history.csv"):
            if file.tell() + len(piece) > MOST_BYTES:
                file.close()
                raise Unreadable("history.csv is too large to be read")
            file.write(piece)
        file.seek(0)
        return file

    def rows(self) -> Iterator[RowBlock]:
        """Up to what breaks the format, which is then the `problem`."""
        seen = 0
        try:
            for number, cells in self._blocks():
                seen = number + len(cells[0]) - 1
                yield self._counting(number, cells)
            if self._expected is not None and seen != self._expected:
                self.problem = f"it has {seen} rows, not {self._expected}"
        except Unreadable as error:
            self.problem = error.what

    def _counting(self, number: int, cells: Sequence[Sequence[str]]) -> RowBlock:
        """Without the rows that a later attempt logged again."""
        kept: list[int] | None = None
        if self._ends:
            ends = [self._ends.get(attempt, inf) for attempt in cells[2]]
            kept = [
                i for i, end in enumerate(ends) if end == inf or (step := load_step(cells[0][i])) is None or step < end
            ]
            cells = [[column[i] for i in kept] for column in cells]
        numbers = None if kept is None else [number + i for i in kept]
        return RowBlock(number, numbers, cells[0], dict(zip(self.names, cells[self._first :], strict=True)))

    def _ends_of_attempts(self) -> dict[str, float]:
        """Of each attempt, the step from which on a later one has begun again."""
        first: dict[str, float] = {}
        for _, cells in self._blocks():
            for attempt, step in zip(cells[2], cells[0], strict=True):
                if step and attempt not in first:
                    known = load_step(step)
                    first[attempt] = inf if known is None else known
            if len(first) > MOST_ATTEMPTS:
                raise Unreadable("history.csv has too many attempts")
        ends, end = {}, inf
        for attempt in sorted(first, key=lambda text: load_step(text) or 0, reverse=True):
            ends[attempt] = end
            end = min(end, first[attempt])
        return ends

    def _blocks(self) -> Iterator[tuple[int, list[Sequence[str]]]]:
        """The number of the first row and the cells of each column, some thousand rows at a time."""
        self._file.seek(self._begin)
        width, number = len(self.names) + self._first, 1
        size = max(1, min(BLOCK, MOST_CELLS // width))
        while lines := list(islice(_lines(self._file), size)):
            try:
                rows = [line.split(",") for line in b"".join(lines).decode().removesuffix("\n").split("\n")]
            except UnicodeDecodeError as error:
                raise Unreadable(f"row {number} or one of the next is not UTF-8") from error
            good = next((i for i, row in enumerate(rows) if len(row) != width), len(rows))
            if good:
                yield number, list(zip(*rows[:good], strict=True))
            if good < len(rows):
                raise Unreadable(f"row {number + good} does not have {width} cells")
            number += len(lines)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise Unreadable(f"a line has more than {MAX_LINE_BYTES} bytes")
        yield line


def _header(line: bytes) -> tuple[list[str], int]:
    """The metrics, and how many columns stand before them. Raises Unreadable."""
    import csv

    try:
        names = next(csv.reader([line.decode()], strict=True), [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise Unreadable(f"history.csv is not valid CSV: {error}") from error
    first = 3 if names[2:3] == ["attempt"] else 2
    metrics = names[first:]
    bad = any(metric_name_problem(name) for name in metrics) or len(set(metrics)) != len(metrics) or not names
    if names[:2] != ["step", "time_s"] or bad or len(metrics) > MAX_METRICS:
        raise Unreadable("history.csv does not begin with step,time_s and the names of metrics")
    return metrics, first


def load_step(text: str) -> int | None:
    """Raises Unreadable."""
    if not text:
        return None
    known = load_cell(text)
    if not isinstance(known, int):
        raise Unreadable(f"a step is {text[:40]!r}")
    return known


def load_value(text: str) -> Number:
    known = load_cell(text)
    if known is None:
        raise Unreadable(f"a value is {text[:40]!r}")
    return known
