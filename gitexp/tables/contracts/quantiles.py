"""Numbers to their quantiles: exact up to a limit, beyond it from a sample that is the same on every machine.

The sample keeps the values whose place in the data hashes low, and halves itself whenever it is full: with a limit of a
million, at least half a million values stay, and a quantile's rank is off by some 0.1 % of the rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

LIMIT = 1_000_000
_MASK = (1 << 64) - 1


class Sample:
    """Values as they come; integers only, so that no machine's rounding decides what stays."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.seen = 0
        self._limit = limit
        self._shift = 64  # a value stays where the hash of its place has no bits from here on
        self._values = array("d")
        self._places = array("Q")

    @property
    def exact(self) -> bool:
        """Whether every value is still here."""
        return self._shift == 64

    def extend(self, values: Sequence[float]) -> None:
        """Add some."""
        first = self.seen
        self.seen += len(values)
        if self.exact:
            self._values.extend(_floats(values))
            self._places.extend(range(first, self.seen))
        else:
            kept = [at for at in range(len(values)) if not _hash(first + at) >> self._shift]
            self._values.extend(_floats([values[at] for at in kept]))
            self._places.extend(first + at for at in kept)
        while len(self._values) > self._limit:
            self._shift -= 1
            kept = [at for at, place in enumerate(self._places) if not _hash(place) >> self._shift]
            self._values = array("d", [self._values[at] for at in kept])
            self._places = array("Q", [self._places[at] for at in kept])

    def sorted(self) -> list[float]:
        """What is kept, in order."""
        return sorted(self._values)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two nearest values in proportion, as numpy and R do by default."""
    place = share * (len(ordered) - 1)
    below = int(place)
    if below + 1 >= len(ordered):
        return ordered[-1]
    low, high = ordered[below], ordered[below + 1]
    return low if low == high or place == below else low + (high - low) * (place - below)


def _hash(place: int) -> int:
    """SplitMix64's."""
    mixed = place * 0x9E3779B97F4A7C15 & _MASK
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
    return mixed ^ mixed >> 31


def _floats(values: Sequence[float]) -> Sequence[float]:
    try:
        return array("d", values)
    except OverflowError:  # integers have no largest
        return [_float(value) for value in values]


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
