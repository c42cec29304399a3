"""One field's values to what can be said of them: dtype, labels, the shape of the distribution, outliers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import nlargest, nsmallest
from typing import Any

from gitexp.spec.contract import label
from gitexp.tables.contracts.description import Extreme, FieldDescription
from gitexp.tables.contracts.quantiles import Sample, quantile
from gitexp.tables.contracts.values import flat, read_values, shape_of
from gitexp.tables.rows.readers.images import Picture

BINS = 16
MOST_LABELS = 100  # more different values are no labels
MOST_INTEGER_LABELS = 20
LONGEST_LABEL = 80
FEW_INTEGER_LABELS = 3
RAREST_INTEGER_LABEL = 0.01  # of all rows: counts have rarer values
MOST_UNEVEN = 5  # times that the commonest integer may come for the rarest: pixels and ratings are less even
SAMPLE = 1 << 16
EXTREMES = 3
FENCE = 3.0  # interquartile ranges beyond the quartiles: Tukey's "far out"
QUANTILES = (0.0, 0.25, 0.4, 0.5, 0.6, 0.75, 1.0)
_ORDER: tuple[str | None, ...] = ("bool", "int", "float", "date", "text", None)  # the first one that all values fit


class Typing:
    """Finds the dtype that all values of a field fit: the first pass."""

    def __init__(self) -> None:
        self._possible = list(_ORDER)
        self.declared: str | None = None
        self.shape: tuple[int, ...] | None = None
        self._shapes: set[tuple[int, ...] | None] = set()
        self._pictures: set[str] = set()
        self._any = False

    def take(self, values: Sequence[Any], *, as_text: bool) -> None:
        """Look at some values."""
        if len(values) and isinstance(values[0], Picture):
            self._shapes.update(picture.shape for picture in values)
            self._pictures.update(picture.dtype for picture in values)
            return
        if any(isinstance(value, list) for value in values):
            self._shapes.update(shape_of(value) for value in values if value is not None)
            values = [one for value in values for one in flat(value)]
        while len(self._possible) > 1:
            found = read_values(values, self._possible[0], as_text=as_text)
            self._any |= bool(len(found.good))
            if not found.wrong:
                return
            self._possible.pop(0)

    @property
    def dtype(self) -> str | None:
        """None, where no dtype fits all, or there are no values to tell by."""
        if self.is_ragged:
            return None
        if self._pictures:
            return next(iter(self._pictures)) if len(self._pictures) == 1 else None
        return self._possible[0] if self._any else None

    @property
    def is_ragged(self) -> bool:
        """Whether rows hold lists that have no shape in common."""
        return bool(self._shapes) and self.row_shape is None

    @property
    def row_shape(self) -> tuple[int | str, ...] | None:
        """Rows first, `n`; sizes that differ from row to row as names. None: single values, or ragged ones."""
        if self.shape is not None:
            return ("n", *self.shape[1:])
        lengths = {len(shape) for shape in self._shapes if shape is not None}
        if not self._shapes or None in self._shapes or len(lengths) != 1:
            return None
        sizes = [set(one) for one in zip(*(shape for shape in self._shapes if shape is not None), strict=True)]
        return ("n", *(one.pop() if len(one) == 1 else f"d{at}" for at, one in enumerate(sizes, 1)))


class Shape:
    """Collects what there is to say of a field whose dtype is known: the second pass."""

    def __init__(self, name: str, typing: Typing) -> None:
        self.name, self.typing = name, typing
        self.family = typing.dtype
        self._present = self._missing = 0
        self._sum = 0.0
        self._low: Any = None
        self._high: Any = None
        self._counter: Counter[Any] = Counter()
        self._distinct: set[Any] | None = set() if self.family != "float" else None
        self._sample = Sample(SAMPLE) if self.family in ("int", "float") else None
        self._least: list[Extreme] = []
        self._most: list[Extreme] = []

    def take(self, values: Sequence[Any], place: Any, *, as_text: bool) -> None:
        """Add some values, which stand at `place`."""
        if len(values) and isinstance(values[0], Picture):
            self._present += len(values)
            return
        if not self.typing.is_ragged and any(isinstance(value, list) for value in values):
            pairs = [(at, one) for at, value in enumerate(values) for one in flat(value)]
            values, place = [one for _, one in pairs], place.only([at for at, _ in pairs])
        found = read_values(values, self.family, as_text=as_text)
        good = found.good
        self._present += len(good)
        self._missing += len(found.missing) + len(found.wrong)
        if not len(good):
            return
        if self.family in ("int", "float", "date"):
            low, high = min(good), max(good)
            self._low = low if self._low is None else min(low, self._low)
            self._high = high if self._high is None else max(high, self._high)
        if self._sample is not None:
            self._sample.extend(good)
            self._extremes(found, place)
        if self._distinct is not None:
            if len(self._counter) <= MOST_LABELS:
                self._counter.update(good)
            self._distinct.update(good)
            if len(self._distinct) > 1_000_000:
                self._distinct = None

    def _extremes(self, found: Any, place: Any) -> None:
        good = found.good
        for kept, choose, beyond in (
            (self._least, nsmallest, len(self._least) < EXTREMES or min(good) < self._least[-1].value),
            (self._most, nlargest, len(self._most) < EXTREMES or max(good) > self._most[-1].value),
        ):
            if beyond:
                new = [
                    Extreme(good[at], place.file, *place.at(found.place(at)))
                    for at in choose(EXTREMES, range(len(good)), key=good.__getitem__)
                ]
                kept[:] = choose(EXTREMES, [*kept, *new], key=lambda one: one.value)

    def described(self) -> FieldDescription:
        """All of it."""
        typing = self.typing
        dtype = typing.declared or self.family
        distinct = len(self._distinct) if self._distinct is not None else None
        known = FieldDescription(self.name, dtype, typing.row_shape, self._present, self._missing, distinct)
        known = known._replace(low=self._low, high=self._high, labels=self._labels(distinct))
        if self._sample is None or not self._present:
            return known
        ordered = [value for value in self._sample.sorted() if value - value == 0]
        if not ordered:
            return known
        quantiles = {share: quantile(ordered, share) for share in QUANTILES}
        spread = quantiles[0.75] - quantiles[0.25]
        low, high = quantiles[0.25] - FENCE * spread, quantiles[0.75] + FENCE * spread
        outliers = sum(not low <= value <= high for value in ordered) if spread else 0
        beyond = [one for one in (*self._least, *reversed(self._most)) if not low <= one.value <= high]
        mean, skew = _moments(ordered)
        return known._replace(
            mean=mean,
            skew=skew,
            quantiles=quantiles,
            exact=self._sample.exact,
            histogram=_histogram(ordered),
            outliers=outliers,
            extremes=tuple(dict.fromkeys(beyond)) if spread else (),
        )

    def _labels(self, distinct: int | None) -> Mapping[str, int] | None:
        rarest = min(self._counter.values(), default=0)
        if distinct is None or not distinct or len(self._counter) > MOST_LABELS or self.typing.row_shape is not None:
            return None
        if self.family == "text" and 2 * distinct > self._present:
            return None
        if self.family == "int":
            common = rarest >= RAREST_INTEGER_LABEL * self._present and rarest > 1
            even = max(self._counter.values()) <= MOST_UNEVEN * rarest or distinct <= FEW_INTEGER_LABELS
            if not (1 < distinct <= MOST_INTEGER_LABELS and common and even):
                return None
        elif self.family not in ("text", "bool"):
            return None
        if any(not label(value).isprintable() or len(label(value)) > LONGEST_LABEL for value in self._counter):
            return None
        return {label(value): count for value, count in sorted(self._counter.items())}


def _moments(ordered: Sequence[float]) -> tuple[float, float | None]:
    from math import fsum

    count = len(ordered)
    mean = fsum(ordered) / count
    second = fsum((value - mean) ** 2 for value in ordered) / count
    third = fsum((value - mean) ** 3 for value in ordered) / count
    return mean, third / second**1.5 if second > 0 else None


def _histogram(ordered: Sequence[float]) -> tuple[int, ...]:
    low, high = ordered[0], ordered[-1]
    bins = [0] * BINS
    for value in ordered:
        bins[min(int((value - low) / (high - low) * BINS), BINS - 1) if high > low else 0] += 1
    return tuple(bins)
