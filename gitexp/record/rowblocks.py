"""Rows of metrics, some thousand at a time, column by column: so that millions pass through little memory, and fast."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, compress
from typing import NamedTuple

from gitexp.record.metrics import Number, Row

MOST_ROWS = 4096
MOST_CELLS = 1 << 20  # also of those that are empty


class Block(NamedTuple):
    """Rows in their order. All lists have one length; None: not said, not logged. No row is without a value."""

    steps: list[int | None]
    times: list[float | None]  # seconds since the run started
    columns: dict[str, list[Number | None]]  # by metric, in first-logged order

    def rows(self) -> Iterator[Row]:
        """One after the other."""
        cells = zip(*self.columns.values(), strict=True)
        for step, time_s, values in zip(self.steps, self.times, cells, strict=True):
            named = zip(self.columns, values, strict=True)
            yield Row(step, time_s, {name: value for name, value in named if value is not None})


def blocks(rows: Iterable[Row]) -> Iterator[Block]:
    """Rows put together; those without a value are left out."""
    some: list[Row] = []
    names: dict[str, None] = {}
    for row in rows:
        if not row.values:
            continue
        width = len(names) + sum(name not in names for name in row.values)  # by the row's own: there may be thousands
        if len(some) >= MOST_ROWS or (len(some) + 1) * width > MOST_CELLS:
            yield _block(some, names)
            some, names = [], {}
        some.append(row)
        names.update(dict.fromkeys(row.values))
    if some:
        yield _block(some, names)


def only(block: Block, wanted: Callable[[str], bool]) -> Block | None:
    """The block without the metrics that are not wanted. None: nothing is left."""
    columns = {name: column for name, column in block.columns.items() if wanted(name)}
    if len(columns) == len(block.columns):
        return block
    left = [any(value is not None for value in cells) for cells in zip(*columns.values(), strict=True)]
    if not any(left):
        return None
    return Block(
        list(compress(block.steps, left)),
        list(compress(block.times, left)),
        {name: list(compress(column, left)) for name, column in columns.items()},
    )


def _block(rows: list[Row], names: Iterable[str]) -> Block:
    steps, times, values = zip(*rows, strict=True)
    return Block(list(steps), list(times), {name: [one.get(name) for one in values] for name in names})


def block_of_tables(tables: list[dict[str, Number]]) -> Block | None:
    """The rows of parsed JSON lines, where they are as nearly all are: flat, with proper names, and sound numbers.

    None where anything is out of the ordinary, also `step` and `time_s`: whoever asks then looks at each row alone.
    """
    names = list(dict.fromkeys(chain.from_iterable(tables)))
    if len(names) * len(tables) > MOST_CELLS:
        return None
    columns: dict[str, list[Number | None]] = {}
    whole = False  # whether one of them is in every row
    for name in names:
        column: list[Number | None] = [table.get(name) for table in tables]
        kinds = set(map(type, column))
        if not kinds <= {float, int, type(None)}:
            return None
        if int in kinds and any(type(value) is int and not -(2**63) <= value < 2**63 for value in column):
            return None
        columns[name] = column
        whole = whole or (type(None) not in kinds and name not in ("step", "time_s"))
    nothing: list[None] = [None] * len(tables)
    steps, times = columns.pop("step", nothing), columns.pop("time_s", nothing)
    if not whole and not all(len(table) > ("step" in table) + ("time_s" in table) for table in tables):
        return None  # a row without a value
    if not set(map(type, steps)) <= {int, type(None)}:
        return None
    if any(time is not None and time - time != 0 for time in times):
        return None
    return Block(steps, [None if time is None else float(time) for time in times], columns)  # type: ignore[arg-type]
