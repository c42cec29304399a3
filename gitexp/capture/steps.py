"""Rows by the step that a program gave: its own, or the epoch where it counts nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from math import isfinite

from gitexp.record.metrics import Number, Row
from gitexp.record.rowblocks import Block, blocks

EPOCH = "epoch"
_HELD = 1 << 14

Logged = tuple[int | None, str, Number]  # step, metric, value
Timed = tuple[int | None, float | None, str, Number]  # and when, in seconds since 1970


def if_ever(values: Iterator[tuple[int, str, Number]]) -> Iterator[Logged]:
    """Without steps where all are 0, which is what a writer has that is given none. Of very many, the first decide."""
    held: list[tuple[int, str, Number]] = []
    for one in values:
        held.append(one)
        if one[0] or len(held) == _HELD:
            break
    if held and held[-1][0]:
        yield from chain(held, values)
    else:
        yield from ((step or None, name, value) for step, name, value in chain(held, values))


def rows_by_step(values: Iterable[Logged]) -> Iterator[Row]:
    """Values that were logged one by one: those of one step that follow each other are a row."""
    now: int | None = None
    row: dict[str, Number] = {}
    for step, name, value in values:
        if step != now or name in row:
            if row:
                yield Row(now, None, row)
            now, row = step, {}
        row[name] = value
    if row:
        yield Row(now, None, row)


def timed_rows(values: Iterable[Timed], *, began: float | None) -> Iterator[Row]:
    """The same of values with times. A row has that of its first value, from `began` on; None: they are not wanted."""
    now: int | None = None
    then: float | None = None
    row: dict[str, Number] = {}
    for step, logged, name, value in values:
        if step != now or name in row:
            if row:
                yield Row(now, then, row)
            now, row = step, {}
        if not row:
            known = began is not None and logged is not None and isfinite(logged - began)
            then = round(logged - began, 6) if known else None  # type: ignore[operator]
        row[name] = value
    if row:
        yield Row(now, then, row)


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
