"""Two histories, value by value: how many were compared, how many differ, and the first in which they part.

Values of a metric are paired in their order, by their steps where the program gave them. Times never count. Files are
taken some thousand rows at a time; of a sample (a history that git has not whole) only steps that both have are
compared, and only where no metric has several values to a step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import pairwise
from typing import NamedTuple

from gitexp.errors import GitexpError, and_more
from gitexp.git.objectreader import ObjectReader
from gitexp.history.compare import same_number
from gitexp.history.historyfile import HistoryFile, RowBlock, Whole, load_step, load_value
from gitexp.history.read import Run
from gitexp.record.verdict import Divergence, Rows
from gitexp.text.bounded import Unreadable

MOST_WAITING = 1 << 18  # values that wait for their like


class Steps(NamedTuple):
    """What comparing two histories came to."""

    values: int = 0  # compared
    different: int = 0
    rows: Rows | None = None  # None: neither logged anything
    divergence: Divergence | None = None
    parted: tuple[str, ...] = ()  # metrics of which a value differs
    left_out: tuple[str, ...] = ()  # that do not count
    missing: tuple[str, ...] = ()  # sentences: what could not be compared
    complete: bool = True  # whether every row of both was


def compare_histories(
    reader: ObjectReader, a: Run, b: Run, *, counts: Callable[[str], bool], whole: Whole = lambda run: None
) -> Steps:
    """`counts`: whether a metric does. `whole`: all rows of a run of which git has a sample; None: not here."""
    with ExitStack() as files:
        try:
            sides = [files.enter_context(HistoryFile(reader, run, whole)) for run in (a, b)]
        except GitexpError as error:
            return Steps(missing=(f"the histories: {error.what}",), complete=False)
        return _Pairing(sides[0], sides[1], counts).compared()


class _Logged(NamedTuple):
    """One value of a metric."""

    step: int | None
    text: str
    row: int


class _Metric:
    """One metric of both: what waits for its like, and what was found."""

    __slots__ = ("different", "last", "parting", "seen", "unclear", "values", "waiting")

    def __init__(self) -> None:
        self.waiting: tuple[deque[_Logged], deque[_Logged]] = (deque(), deque())
        self.values = self.different = 0
        self.parting: tuple[_Logged | None, _Logged | None] | None = None  # the first that differ
        self.seen = [0, 0]
        self.last: list[int | None] = [None, None]  # steps
        self.unclear = False  # several values to a step, or none, where rows are missing


class _Pairing:
    """The walk through both. `_walk` takes blocks, `_queue` and `_match` bring together what belongs together."""

    def __init__(self, a: HistoryFile, b: HistoryFile, counts: Callable[[str], bool]) -> None:
        self.sides = (a, b)
        names = list(dict.fromkeys([*a.names, *b.names]))
        self.metrics = {name: _Metric() for name in names if counts(name)}
        self.left_out = tuple(name for name in names if name not in self.metrics)
        self.sampled = a.is_sample or b.is_sample
        self.ended = [False, False]
        self.read = [0, 0]  # rows
        self.steps: tuple[list[int], list[int]] = ([], [])  # the smallest and the largest
        self.met: set[int] = set()  # rows of a of which a value was compared; only where there are samples

    def compared(self) -> Steps:
        """All that can be."""
        missing: list[str] = []
        try:
            self._walk()
        except Unreadable as error:
            missing.append(f"the histories beyond where they were read: {error.what}")
        for words, side in zip(("original", "rerun"), self.sides, strict=True):
            if side.problem:
                missing.append(f"history.csv of the {words} from there on: {side.problem}")
        damaged = bool(missing)
        if self.sampled:
            missing += self._of_samples()
        clear = {name: metric for name, metric in self.metrics.items() if not metric.unclear}
        logged = tuple(side.logged or read for side, read in zip(self.sides, self.read, strict=True))
        looked_at = len(self.met) if self.sampled else self.read[0]
        return Steps(
            values=sum(metric.values for metric in clear.values()),
            different=sum(metric.different for metric in clear.values()),
            rows=Rows(logged[0], logged[1], looked_at) if any(logged) else None,
            divergence=_first(clear, numbered=not self.sampled),
            parted=tuple(name for name, metric in clear.items() if metric.different),
            left_out=self.left_out,
            missing=tuple(missing),
            complete=not damaged and not self.sampled,
        )

    def _of_samples(self) -> Iterator[str]:
        for side, read, steps in zip(self.sides, self.read, self.steps, strict=True):
            span = steps[1] - steps[0] + 1 if steps else 0
            for metric in self.metrics.values() if side.is_sample else ():
                expected = metric.seen[self.sides.index(side)] / max(read, 1) * side.logged
                metric.unclear |= expected > 1.5 * span
        which = " and ".join(w for w, s in zip(("the original", "the rerun"), self.sides, strict=True) if s.is_sample)
        yield (
            f"all rows: the history of {which} is a sample here, and the whole is not in this clone's object store;"
            f" {len(self.met)} of {self.sides[0].logged} rows were compared"
        )
        unclear = [name for name, metric in self.metrics.items() if metric.unclear]
        if unclear:
            shown = ", ".join(unclear[:3]) + and_more(len(unclear), 3)
            yield f"samples of {shown}: several values belong to one step, or none has a step"

    def _walk(self) -> None:
        streams = self.sides[0].rows(), self.sides[1].rows()
        while not all(self.ended):
            waiting = [sum(len(m.waiting[side]) for m in self.metrics.values()) for side in (0, 1)]
            if max(waiting) > MOST_WAITING:
                raise Unreadable(f"more than {MOST_WAITING} values have no like on the other side")
            blocks: list[RowBlock | None] = [None, None]
            for side in (0, 1):
                if not self.ended[side] and (self.ended[1 - side] or waiting[side] <= waiting[1 - side]):
                    blocks[side] = next(streams[side], None)
                    self.ended[side] = blocks[side] is None
                    self.read[side] += len(block.steps) if (block := blocks[side]) else 0
            a, b = blocks
            if a and b and not any(waiting) and self._side_by_side(a, b):
                continue
            for side, block in enumerate(blocks):
                if block:
                    self._queue(side, block, block.columns)
            for metric in self.metrics.values():
                self._match(metric)

    def _side_by_side(self, a: RowBlock, b: RowBlock) -> bool:
        """Rows that have their likes at the same place, as nearly all have: column by column."""
        if self.sampled or a.steps != b.steps:
            return False
        for name, metric in self.metrics.items():
            old, new = a.columns.get(name), b.columns.get(name)
            if old is not None and old == new:
                metric.values += len(old) - old.count("")
                continue
            for side, block, column in ((0, a, old), (1, b, new)):
                if column is not None:
                    self._queue(side, block, (name,))
            self._match(metric)
        return True

    def _queue(self, side: int, block: RowBlock, names: Iterable[str]) -> None:
        steps = [load_step(text) for text in block.steps]
        known = [step for step in steps if step is not None]
        if self.sampled and known:
            self.steps[side][:] = min([*self.steps[side][:1], *known]), max([*self.steps[side][1:], *known])
        numbers = block.numbers or range(block.first, block.first + len(steps))
        for name in names:
            metric = self.metrics.get(name)
            if metric is None:
                continue
            column = zip(steps, block.columns[name], numbers, strict=True)
            logged = [_Logged(step, text, row) for step, text, row in column if text]
            if self.sampled:
                metric.seen[side] += len(logged)
                order = [metric.last[side], *(one.step for one in logged)]
                metric.unclear |= any(y is None or (x is not None and x >= y) for x, y in pairwise(order))
                metric.last[side] = order[-1]
            metric.waiting[side].extend(logged)

    def _match(self, metric: _Metric) -> None:
        old, new = metric.waiting
        while old and new:
            x, y = old[0], new[0]
            if x.step is None or y.step is None or x.step == y.step:
                old.popleft(), new.popleft()
                metric.values += 1
                if self.sampled:
                    self.met.add(x.row)
                if x.text != y.text and not same_number(load_value(x.text), load_value(y.text)):
                    metric.different += 1
                    metric.parting = metric.parting or (x, y)
            else:
                self._alone(metric, 0 if x.step < y.step else 1)
        for side in (0, 1):
            while metric.waiting[side] and self.ended[1 - side]:
                self._alone(metric, side)

    def _alone(self, metric: _Metric, side: int) -> None:
        """A value without its like: a difference, unless the other side is known to lack rows here."""
        one = metric.waiting[side].popleft()
        other = self.sides[1 - side]
        if other.is_sample or other.problem:
            return
        metric.values += 1
        metric.different += 1
        metric.parting = metric.parting or ((one, None) if side == 0 else (None, one))


def _first(metrics: Mapping[str, _Metric], *, numbered: bool) -> Divergence | None:
    """Where the two part, in the order of the original's rows."""
    found = [(name, *metric.parting) for name, metric in metrics.items() if metric.parting]
    if not found:
        return None
    name, x, y = min(found, key=lambda one: next(logged.row for logged in one[1:] if isinstance(logged, _Logged)))
    step = x.step if x is not None else y.step if y is not None else None
    values = [None if one is None else load_value(one.text) for one in (x, y)]
    return Divergence(name, step, x.row if x is not None and numbered else None, *values)
