"""Values as they stand in a table, text or typed, to values of one family: which are missing, which are of another.

Missing is what a table has no value for: null, NaN, an empty cell; of numbers, booleans and dates also what programs
write for it (`NA`, `n/a`, `null`, `none`, `nan`, `-`). Text is text: only an empty cell is missing there, and in JSON
and Parquet not even that.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from gitexp.spec.contract import moment

_BLANK = frozenset({"", "na", "n/a", "nan", "none", "null", "-"})
_BOOLEANS = {"true": True, "false": False}
_TYPES: Mapping[str, frozenset[type]] = {
    "int": frozenset({int}),
    "float": frozenset({int, float}),
    "bool": frozenset({bool}),
    "text": frozenset({str}),
}
_MISSING: Any = object()


class Values(NamedTuple):
    """Values of one family. `places[i]` is where the i-th stood; None: all are there, in their places."""

    good: Sequence[Any]
    places: Sequence[int] | None = None
    missing: Sequence[int] = ()
    wrong: Sequence[int] = ()

    def place(self, at: int) -> int:
        """Where a good value stood."""
        return at if self.places is None else self.places[at]


def read_values(values: Sequence[Any], family: str | None, *, as_text: bool) -> Values:
    """Read a column as a family: int, float, bool, text, date; None takes everything."""
    if as_text:
        quick = _quick_cells(values, family)
    elif isinstance(values, array):
        quick = None if family in ("bool", "text", "date") else _without_nan(values)
    else:
        quick = _quick_typed(values, family)
    if quick is not None:
        return Values(quick)
    parse = _cell(family) if as_text else _typed(family)
    good: list[Any] = []
    places: list[int] = []
    missing: list[int] = []
    wrong: list[int] = []
    for at, value in enumerate(values):
        try:
            parsed = parse(value)
        except (ValueError, TypeError, OverflowError, KeyError):
            wrong.append(at)
            continue
        if parsed is _MISSING:
            missing.append(at)
        else:
            good.append(parsed)
            places.append(at)
    return Values(good, places, missing, wrong)


# ---- text


def _quick_cells(cells: Sequence[str], family: str | None) -> Sequence[Any] | None:
    """All cells at once, where nothing is missing or wrong."""
    if family in (None, "text"):
        return None if "" in cells else cells
    if family in ("bool", "date"):
        return None
    joined = "".join(cells)
    if "_" in joined or not joined.isascii():  # Python would read 1_000, and digits of every script
        return None
    try:
        return list(map(int, cells)) if family == "int" else _without_nan(list(map(float, cells)))
    except ValueError:
        return None


def _cell(family: str | None) -> Callable[[str], Any]:
    if family in (None, "text"):
        return lambda cell: cell or _MISSING
    parses: dict[str, Callable[[str], Any]] = {"int": int, "float": float, "date": parse_date}
    parses["bool"] = lambda cell: _BOOLEANS[cell.lower()]
    parse = parses[family or ""]

    def one(cell: str) -> Any:
        cell = cell.strip()
        if cell.lower() in _BLANK:
            return _MISSING
        if family in ("int", "float") and ("_" in cell or not cell.isascii()):
            raise ValueError(cell)
        value = parse(cell)
        return value if value == value else _MISSING

    return one


def parse_date(text: str) -> datetime:
    """A date or a time by ISO 8601, in UTC. Raises ValueError."""
    return moment(datetime.fromisoformat(text))


# ---- typed


def _quick_typed(values: Sequence[Any], family: str | None) -> Sequence[Any] | None:
    kinds = set(map(type, values))
    if family is None:
        return values if kinds <= {int, bool, str} else None
    if not kinds <= _TYPES.get(family, frozenset()):
        return None
    return _without_nan(values) if float in kinds else values


def _typed(family: str | None) -> Callable[[Any], Any]:
    wanted = _TYPES.get(family or "", frozenset())

    def one(value: Any) -> Any:
        if value is None or (isinstance(value, float) and value != value):
            return _MISSING
        if family is None:
            return repr(value) if isinstance(value, list | dict) else value
        if isinstance(value, Decimal) and family == "float":
            return float(value)
        if family == "date":
            return moment(value) if isinstance(value, date) else parse_date(value)
        if type(value) not in wanted:
            raise TypeError(type(value).__name__)
        return value

    return one


def _without_nan(values: Sequence[float]) -> Sequence[float] | None:
    """The same, where there is no NaN in it; None where there may be one."""
    try:
        total = sum(values)
    except OverflowError:
        return None
    return values if total == total else None


# ---- nested


def shape_of(value: Any) -> tuple[int, ...] | None:
    """The shape of nested lists; None where they are ragged."""
    if not isinstance(value, list):
        return ()
    inner = {shape_of(one) for one in value}
    if len(inner) > 1 or None in inner:
        return None
    return (len(value), *(inner.pop() or () if inner else ()))


def flat(value: Any) -> Iterator[Any]:
    """The values in nested lists."""
    if isinstance(value, list):
        for one in value:
            yield from flat(one)
    else:
        yield value
