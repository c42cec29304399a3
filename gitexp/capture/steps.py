"""Rows by the step that a program gave: its own, or the epoch where it counts nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from math import isfinite

from gitexp.record.metrics import Number, Row
from gitexp.record.rowblocks import Block, blocks

EPOCH = "epoch"
_HELD = 1 << 14

Logged = tuple[int | None, float | None, str, Number]  # step, seconds since the run started, metric, value


def if_ever(values: Iterator[Logged]) -> Iterator[Logged]:
    """Without steps where all are 0, which is what a writer has that is given none. Of very many, the first decide."""
    held: list[Logged] = []
    for one in values:
        held.append(one)
        if one[0] or len(held) == _HELD:
            break
    if held and held[-1][0]:
        yield from chain(held, values)
    else:
        yield from ((one[0] or None, *one[1:]) for one in chain(held, values))


def rows_by_step(values: Iterable[Logged]) -> Iterator[Row]:
    """Values that were logged one by one: those of one step that follow each other are a row, with the first's time."""
    rest = iter(values)
    first = next(rest, None)
    if first is None:
        return
    now, then, name, value = first
    row = {name: value}
    for step, time_s, name, value in rest:
        if step != now or name in row:
            yield Row(now, then, row)
            now, then, row = step, time_s, {}
        row[name] = value
    yield Row(now, then, row)


def passed(began: float | None, then: float | None) -> float | None:
    """The time between two moments, in seconds, as a row has it; None: one of them is not known, or not wanted."""
    return None if began is None or then is None or not isfinite(then - began) else round(then - began, 6)


def without_epoch(some: Iterable[Block], *, stepped: bool | None = None) -> Iterator[Block]:
    """An epoch is the step of what has none, and no metric beside a step. It stays one where it is no whole number.

    `stepped`: whether there are steps; None: as the first block has it.
    """
    for block in some:
        if stepped is None:
            stepped = any(step is not None for step in block.steps)
        epochs = block.columns.get(EPOCH)
        if epochs is None or not all(type(epoch) is int or _whole(epoch) for epoch in epochs):
            yield block
            continue
        steps = block.steps if stepped else [None if epoch is None else int(epoch) for epoch in epochs]
        columns = {name: column for name, column in block.columns.items() if name != EPOCH}
        if any(None not in column for column in columns.values()):
            yield Block(steps, block.times, columns)
        elif columns:
            yield from blocks(Block(steps, block.times, columns).rows())


def _whole(value: Number | None) -> bool:
    return value is None or (isinstance(value, float) and value.is_integer() and abs(value) < 2**53)
