"""What is known of a metric without its values at hand: how many, the last, the lowest, the highest, and where."""

from __future__ import annotations

from math import isnan
from typing import NamedTuple

from gitexp.record.metrics import Number


class Extreme(NamedTuple):
    """A value, the row, from 0, where it was first logged, and which of the metric's values it was, from 1."""

    value: Number
    row: int
    ordinal: int


class Tally:
    """One metric's. `lowest` and `highest` are None while all values are NaN."""

    __slots__ = ("count", "highest", "last", "lowest")

    def __init__(self) -> None:
        self.count = 0
        self.last: Number = 0
        self.lowest: Extreme | None = None
        self.highest: Extreme | None = None

    def add(self, column: list[Number | None], first_row: int) -> None:
        """The values of the rows from `first_row` on; None: not logged there."""
        values = column if None not in column else [value for value in column if value is not None]
        known: list[Number] = values  # type: ignore[assignment]
        if not known:
            return
        before, every = self.count, known
        self.count += len(known)
        self.last = known[-1]
        if any(map(isnan, known)):
            known = [value for value in known if value == value]
            if not known:
                return
        low, high = min(known), max(known)
        if self.lowest is None or low < self.lowest.value:
            self.lowest = Extreme(low, first_row + column.index(low), before + every.index(low) + 1)
        if self.highest is None or high > self.highest.value:
            self.highest = Extreme(high, first_row + column.index(high), before + every.index(high) + 1)

    def best(self, way: str) -> Extreme | None:
        """`way`: max or min. None: all are NaN."""
        return self.highest if way == "max" else self.lowest

    def chosen(self, way: str) -> Number:
        """The last, min or max."""
        best = self.best(way) if way in ("min", "max") else None
        return self.last if best is None else best.value
