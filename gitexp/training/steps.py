"""Fields as other fields: the preprocessing steps that ship with gitexp.

Each is used as `step(fields) -> fields` on the rows of one split and never writes into the tensors that it got.
What is fitted is fitted on the training rows. A missing number is NaN, a missing category the code -1.
Every step raises ValueError for a field that is not there. What depends on chance, batch by batch, is in augment.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor

from gitexp.training.repeating.seeds import derive

Fields = dict[str, Tensor]


def field_of(fields: Fields, name: str, step: object) -> Tensor:
    """A field by its name. Raises ValueError naming the step and the fields that there are."""
    if name not in fields:
        raise ValueError(f"{type(step).__name__} finds no field {name!r}; there are: {', '.join(sorted(fields))}")
    return fields[name]


class Divide:
    """A field divided by a constant, as float32, whatever it was. Nothing is learnt from the data."""

    def __init__(self, by: float, field: str = "input") -> None:
        if by == 0:
            raise ValueError("Divide cannot divide by 0")
        self.by = by
        self.field = field

    def __call__(self, fields: Fields) -> Fields:
        return {**fields, self.field: field_of(fields, self.field, self).to(torch.float32) / self.by}


class Reshape:
    """A field with its numbers in another shape, rows apart: [batch, 64] as [batch, 1, 8, 8] for shape = [1, 8, 8]."""

    def __init__(self, shape: Sequence[int], field: str = "input") -> None:
        self.shape = tuple(shape)
        self.field = field

    def __call__(self, fields: Fields) -> Fields:
        """Raises ValueError where the shape holds another number of values."""
        values = field_of(fields, self.field, self)
        try:
            shaped = values.reshape(len(values), *self.shape)
        except RuntimeError as error:
            had = list(values.shape[1:])
            raise ValueError(f"Reshape cannot make {list(self.shape)} of {self.field}'s {had} a row") from error
        return {**fields, self.field: shaped}


class Join:
    """Several fields side by side as one of float32, shape [batch, features]; a field without columns counts as one."""

    def __init__(self, fields: Sequence[str], into: str = "input") -> None:
        if not fields:
            raise ValueError("Join needs the name of at least one field")
        self.fields = tuple(fields)
        self.into = into

    def __call__(self, fields: Fields) -> Fields:
        parts = [field_of(fields, name, self) for name in self.fields]
        columns = [part.reshape(len(part), -1).to(torch.float32) for part in parts]
        return {**fields, self.into: torch.cat(columns, dim=1)}


class _Fitted:
    """What the fitted steps share: a state of tensors, and a word for whoever forgot to fit."""

    _state: Mapping[str, Tensor] = MappingProxyType({})

    def state_dict(self) -> dict[str, Any]:
        return dict(self._state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._state = dict(state)

    def _fitted(self, name: str) -> Tensor:
        if name not in self._state:
            raise ValueError(f"{type(self).__name__} was used before it was fitted")
        return self._state[name]


class ClipOutliers(_Fitted):
    """Numbers beyond a fence, one pair of fences a column, moved onto the fence. NaN stays NaN.

    method "iqr": `factor` interquartile ranges below the first and above the third quartile (J. W. Tukey, Exploratory
    Data Analysis, 1977, there with a factor of 1.5). method "quantile": the quantiles `low` and `high`.
    """

    def __init__(
        self,
        field: str = "input",
        method: Literal["iqr", "quantile"] = "iqr",
        factor: float = 1.5,
        low: float = 0.01,
        high: float = 0.99,
    ) -> None:
        if method not in ("iqr", "quantile"):
            raise ValueError(f'ClipOutliers knows the methods "iqr" and "quantile", not {method!r}')
        if not 0.0 <= low < high <= 1.0:
            raise ValueError(f"ClipOutliers needs 0 <= low < high <= 1, got {low} and {high}")
        self.field = field
        self.method = method
        self.factor = factor
        self.low = low
        self.high = high

    def fit(self, fields: Fields) -> None:
        values = field_of(fields, self.field, self).to(torch.float32)
        if self.method == "quantile":
            self._state = {"low": _quantile(values, self.low), "high": _quantile(values, self.high)}
            return
        first, third = _quantile(values, 0.25), _quantile(values, 0.75)
        reach = self.factor * (third - first)
        self._state = {"low": first - reach, "high": third + reach}

    def __call__(self, fields: Fields) -> Fields:
        values = field_of(fields, self.field, self).to(torch.float32)
        clipped = torch.clamp(values, self._fitted("low"), self._fitted("high"))
        return {**fields, self.field: clipped}


class Impute(_Fitted):
    """Missing values filled with one value a column: "median", "mean" or "most_frequent" (of several, the least).

    A field of categories (integers, -1 where missing) knows "most_frequent" alone.
    Fitting raises ValueError for a column that holds nothing, and for a strategy that the field does not know.
    """

    def __init__(self, field: str = "input", strategy: Literal["median", "mean", "most_frequent"] = "median") -> None:
        if strategy not in _STRATEGIES:
            raise ValueError(f"Impute knows the strategies {', '.join(_STRATEGIES)}, not {strategy!r}")
        self.field = field
        self.strategy = strategy

    def fit(self, fields: Fields) -> None:
        values = field_of(fields, self.field, self)
        if not values.is_floating_point() and self.strategy != "most_frequent":
            raise ValueError(f'Impute: {self.field} is a category; type  strategy = "most_frequent"')
        empty = _missing(values).all(dim=0)
        if empty.any():
            columns = empty.reshape(-1).nonzero().reshape(-1).tolist()
            raise ValueError(f"Impute: {self.field} has no value to fill in from in its columns {columns}")
        self._state = {"values": _STRATEGIES[self.strategy](values)}

    def __call__(self, fields: Fields) -> Fields:
        values = field_of(fields, self.field, self)
        return {**fields, self.field: torch.where(_missing(values), self._fitted("values").to(values.dtype), values)}


class Standardise(_Fitted):
    """Numbers less their column's mean, divided by its standard deviation, as float32. NaN stays NaN.

    The deviation is the population's. A column that never varies becomes 0. Sums are taken in float64.
    """

    def __init__(self, field: str = "input", epsilon: float = 0.0) -> None:
        self.field = field
        self.epsilon = epsilon

    def fit(self, fields: Fields) -> None:
        values = field_of(fields, self.field, self).to(torch.float64)
        mean = values.nanmean(dim=0)
        deviation = ((values - mean) ** 2).nanmean(dim=0).sqrt()
        still = deviation + self.epsilon == 0
        self._state = {"mean": mean, "deviation": torch.where(still, 1.0, deviation + self.epsilon)}

    def __call__(self, fields: Fields) -> Fields:
        values = field_of(fields, self.field, self).to(torch.float64)
        scaled = (values - self._fitted("mean")) / self._fitted("deviation")
        return {**fields, self.field: scaled.to(torch.float32)}


class OneHot(_Fitted):
    """A category (codes from 0, shape [batch]) as `into`: float32 of shape [batch, size], 1 in the code's column.

    `size` 0: as many columns as the training rows have codes. A code that they lack, -1 included, is a row of zeros;
    with unknown = "error" it raises ValueError. So does fitting, for a code that `size` leaves no column for.
    """

    def __init__(self, field: str, into: str, size: int = 0, unknown: Literal["zeros", "error"] = "zeros") -> None:
        if unknown not in ("zeros", "error"):
            raise ValueError(f'OneHot: unknown is "zeros" or "error", not {unknown!r}')
        self.field = field
        self.into = into
        self.size = size
        self.unknown = unknown

    def fit(self, fields: Fields) -> None:
        codes = field_of(fields, self.field, self)
        known = sorted(set(codes[codes >= 0].tolist()))
        needed = known[-1] + 1 if known else 0
        if self.size and needed > self.size:
            raise ValueError(f"OneHot: {self.field} has the code {needed - 1}, and size = {self.size} leaves no column")
        self._state = {"known": torch.tensor(known, dtype=torch.int64), "size": torch.tensor(self.size or needed)}

    def __call__(self, fields: Fields) -> Fields:
        codes = field_of(fields, self.field, self)
        known = torch.isin(codes, self._fitted("known"))
        if self.unknown == "error" and not known.all():
            strangers = sorted(set(codes[~known].tolist()))
            raise ValueError(f"OneHot: {self.field} has codes that the training rows lack: {strangers}")
        columns = torch.arange(int(self._fitted("size")), device=codes.device)
        hot = (codes.unsqueeze(1) == columns) & known.unsqueeze(1)
        return {**fields, self.into: hot.to(torch.float32)}


class BalanceClasses:
    """Training rows, those of rarer classes repeated at random until each class has as many as the commonest.

    `field` holds the classes: codes of shape [batch]; rows whose code is -1 are neither counted nor repeated.
    The rows that there were come first, in their order; chance comes from `seed` alone.
    """

    train_only = True

    def __init__(self, seed: int, field: str = "target") -> None:
        self.seed = seed
        self.field = field

    def __call__(self, fields: Fields) -> Fields:
        codes = field_of(fields, self.field, self)
        counts = Counter(codes[codes >= 0].tolist())
        most = max(counts.values(), default=0)
        chosen = [torch.arange(len(codes))]
        generator = torch.Generator().manual_seed(derive(self.seed, "balance"))
        for code, count in sorted(counts.items()):
            rows = (codes == code).nonzero().reshape(-1)
            chosen.append(rows[torch.randint(count, (most - count,), generator=generator)])
        indices = torch.cat(chosen)
        return {name: values[indices] for name, values in fields.items()}


def _missing(values: Tensor) -> Tensor:
    return values.isnan() if values.is_floating_point() else values == -1


def _by_column(values: Tensor, of: Callable[[Tensor], Tensor]) -> Tensor:
    """One number for each column, from its values that are there."""
    columns = values.reshape(len(values), -1).unbind(dim=1)
    return torch.stack([of(column[~_missing(column)]) for column in columns]).reshape(values.shape[1:])


def _quantile(values: Tensor, share: float) -> Tensor:
    """Between two neighbours: on the line between them."""

    def of(column: Tensor) -> Tensor:
        if not len(column):
            return column.new_tensor(float("nan"))
        place = share * (len(column) - 1)
        ordered = column.sort().values
        below = int(place)
        above = min(below + 1, len(column) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (place - below)

    return _by_column(values, of)


def _most_frequent(values: Tensor) -> Tensor:
    def of(column: Tensor) -> Tensor:
        counts = Counter(column.tolist())
        return column.new_tensor(min(counts, key=lambda value: (-counts[value], value)))

    return _by_column(values, of)


_STRATEGIES: dict[str, Callable[[Tensor], Tensor]] = {
    "median": lambda values: _quantile(values, 0.5),
    "mean": lambda values: values.to(torch.float64).nanmean(dim=0).to(values.dtype),
    "most_frequent": _most_frequent,
}
