"""What was seen of a dataset, as values: of the whole, of each field, of its outliers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

OUTLIER_RULE = "more than 3 interquartile ranges below the first quartile or above the third (Tukey's far out)"


class Extreme(NamedTuple):
    """An outlier and where it stands."""

    value: float
    file: str
    row: int
    line: int | None


class FieldDescription(NamedTuple):
    """What is known of a field. None: there is no such thing for this dtype, or no values."""

    name: str
    dtype: str | None  # int, float, bool, text, date, or what an array or picture declares; None: not known, or several
    shape: tuple[int | str, ...] | None
    present: int
    missing: int
    distinct: int | None  # None: more than were counted
    low: Any = None
    high: Any = None
    mean: float | None = None
    skew: float | None = None  # above 0: a long tail upwards
    quantiles: Mapping[float, float] = {}
    exact: bool = True  # quantiles, skew and histogram are of all values, not of a sample
    histogram: tuple[int, ...] = ()  # equal widths from `low` to `high`
    outliers: int = 0
    extremes: tuple[Extreme, ...] = ()  # the most extreme outliers
    labels: Mapping[str, int] | None = None  # rows by label, where the values are labels

    @property
    def is_finite(self) -> bool:
        """Whether neither end is infinite: quantiles leave infinite values out."""
        return all(end is None or end - end == 0 for end in (self.low, self.high))

    @property
    def missing_share(self) -> float:
        """Of all values."""
        return self.missing / max(self.present + self.missing, 1)


class Description(NamedTuple):
    """What a dataset looks like. `splits`: rows by label in each split, for each field of labels."""

    kind: str
    files: int
    rows: int
    fields: tuple[FieldDescription, ...]
    splits: Mapping[str, Mapping[str, Mapping[str, int]]] = {}  # split → field → label → rows
    split_rows: Mapping[str, int] = {}
    faults: int = 0  # rows or cells that could not be read
