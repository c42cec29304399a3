"""`[datasets.NAME.contract]` to a Contract: what a dataset's rows, fields and files must look like.

Whatever a contract does not say is not checked, with one exception: a value may be missing only where `missing` allows
a share of them. What is checked, and how, is in gitexp/tables/contracts/judging.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from gitexp.text.schema import (
    Check,
    Each,
    Problem,
    Shape,
    expected,
    kind,
    near,
    one_of,
    problems_in,
    spell,
    text,
    yes_or_no,
)

FORMATS = ("csv", "tsv", "jsonl", "parquet", "npy", "images")
INTEGER_RANGES = {
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
FLOATS = ("float16", "float32", "float64")
FAMILIES = ("int", "float", "bool", "text", "date")
DTYPES = (*FAMILIES, *INTEGER_RANGES, *FLOATS)

Scalar = int | float | bool | str | datetime
_EMPTY: Mapping[str, Any] = MappingProxyType({})


class Bounds(NamedTuple):
    """From `low` to `high`, both included. None: no bound."""

    low: Any = None
    high: Any = None


class FieldRule(NamedTuple):
    """What the values of a field must be. None, or empty: not checked."""

    name: str
    dtype: str | None = None  # as declared
    family: str | None = None  # int, float, bool, text or date: what the values are read as
    shape: tuple[int | str, ...] | None = None  # rows first; a name stands for any size
    bounds: Bounds = Bounds()
    missing: float = 0.0  # the largest share
    values: tuple[Scalar, ...] | None = None
    shares: Mapping[str, Bounds] = _EMPTY  # label as text
    quantiles: Mapping[str, Bounds] = _EMPTY  # the key is the probability as written
    unique: bool = False
    pattern: str | None = None
    counted: bool = False  # `count` in the file: rows by value go into the record


class Contract(NamedTuple):
    """A contract that contract_problems found nothing wrong with."""

    format: str | None = None  # None: by the names of the files
    header: bool | None = None  # of CSV and TSV; None: a first line of numbers alone is none
    rows: Bounds = Bounds()
    extra_fields: str = "refuse"
    fields: Mapping[str, FieldRule] = _EMPTY


def contract_problems(table: Mapping[str, Any]) -> list[Problem]:
    """All that is wrong with a contract, by key path."""
    problems = list(problems_in(table, _SHAPE))
    if problems:
        return problems
    problems += _order_problems(("rows",), table.get("rows", {}))
    for name, field in table.get("fields", {}).items():
        problems += _field_problems(("fields", name), field, table.get("format"))
    return problems


def load_contract(table: Mapping[str, Any]) -> Contract:
    """The contract in a table that contract_problems found nothing wrong with."""
    rows = table.get("rows", {})
    return Contract(
        format=table.get("format"),
        header=table.get("header"),
        rows=Bounds(rows.get("min"), rows.get("max")),
        extra_fields=table.get("extra_fields", "refuse"),
        fields={name: _field(name, field) for name, field in table.get("fields", {}).items()},
    )


def _field(name: str, table: Mapping[str, Any]) -> FieldRule:
    family = family_of(table)
    low, high, values = table.get("min"), table.get("max"), table.get("values")
    if table.get("dtype") in INTEGER_RANGES:
        least, most = INTEGER_RANGES[table["dtype"]]
        low, high = (least if low is None else low), (most if high is None else high)
    return FieldRule(
        name,
        dtype=table.get("dtype"),
        family=family,
        shape=tuple(table["shape"]) if "shape" in table else None,
        bounds=Bounds(_bound(low), _bound(high)),
        missing=table.get("missing", 0.0),
        values=None if values is None else tuple(map(_bound, values)),
        shares={label: Bounds(*pair) for label, pair in table.get("shares", {}).items()},
        quantiles={share: Bounds(*pair) for share, pair in table.get("quantiles", {}).items()},
        unique=table.get("unique", False),
        pattern=table.get("pattern"),
        counted=table.get("count", False),
    )


def family_of(table: Mapping[str, Any]) -> str | None:
    """What a field's values are read as: as declared, else by what else is said of them; None: as they come."""
    dtype = table.get("dtype")
    if dtype is not None:
        return "int" if dtype in INTEGER_RANGES else "float" if dtype in FLOATS else dtype
    known = [table[key] for key in ("min", "max") if key in table] + table.get("values", [])[:1]
    if known:
        one = known[0]
        if "values" not in table and type(one) is int:
            return "float"
        return {bool: "bool", int: "int", float: "float", str: "text"}.get(type(one), "date")
    return "float" if table.get("quantiles") else "text" if "pattern" in table else None


def moment(value: date | datetime) -> datetime:
    """A date or a time as a time in UTC, so that any two can be compared. One without a zone is taken as UTC."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _bound(value: Any) -> Any:
    return moment(value) if isinstance(value, date) else value


# ---- what may stand where


def _share(value: Any) -> str | None:
    right = type(value) in (int, float) and 0 <= value <= 1
    return None if right else expected("a share from 0 to 1", value)


def _count(value: Any) -> str | None:
    return None if type(value) is int and value >= 0 else expected("a number of rows", value)


def _pair(value: Any) -> str | None:
    right = isinstance(value, list) and len(value) == 2 and all(type(one) in (int, float) for one in value)
    if not right:
        return expected("[lowest, highest]", value)
    return None if value[0] <= value[1] else f"the lowest is above the highest: {spell(value)}"


def _shares(value: Any) -> str | None:
    return _pair(value) or next(filter(None, map(_share, value)), None)


def _probability(key: str) -> str | None:
    right = re.fullmatch(r"[01](?:\.\d+)?", key) and 0 <= float(key) <= 1
    return None if right else 'not a quantile: use a number from "0" to "1", such as "0.5"'


def _comparable(value: Any) -> str | None:
    right = type(value) is int or (type(value) is float and value == value) or isinstance(value, date)
    return None if right else expected("a number or a date", value)


def _labels(value: Any) -> str | None:
    if not isinstance(value, list) or not value:
        return expected("an array with at least one value", value)
    if not all(isinstance(one, (int, float, str, date)) for one in value):
        return expected("an array of numbers, strings or dates", value)
    kinds = {kind(one) for one in value} - ({"an integer"} if any(type(one) is float for one in value) else set())
    return f"values are of different types: {' and '.join(sorted(kinds))}" if len(kinds) > 1 else None


def _sizes(value: Any) -> str | None:
    right = (
        isinstance(value, list) and value and all((type(n) is int and n >= 0) or (n and type(n) is str) for n in value)
    )
    return None if right else expected('a shape such as ["n", 8, 8], rows first', value)


def _pattern(value: Any) -> str | None:
    if not isinstance(value, str):
        return text(value)
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        return f"not a regular expression: {error}"
    return None


_FIELD: Mapping[str, Shape | Check] = {
    "dtype": one_of(*DTYPES),
    "shape": _sizes,
    "min": _comparable,
    "max": _comparable,
    "missing": _share,
    "values": _labels,
    "shares": Each(_shares),
    "quantiles": Each(_pair, name=_probability),
    "unique": yes_or_no,
    "pattern": _pattern,
    "count": yes_or_no,
}
_SHAPE: Mapping[str, Shape | Check] = {
    "format": one_of(*FORMATS),
    "header": yes_or_no,
    "rows": {"min": _count, "max": _count},
    "extra_fields": one_of("refuse", "allow"),
    "fields": Each(_FIELD),
}


# ---- what contradicts itself


def _field_problems(at: tuple[str, ...], field: Mapping[str, Any], form: str | None) -> Iterator[Problem]:
    family = family_of(field)
    wanted: Callable[[Any], bool] = _FITS.get(family or "", lambda _value: True)
    for key in ("min", "max"):
        if key in field and (family in ("text", "bool") or not wanted(field[key])):
            yield (*at, key), f"{spell(field[key])} is no bound of {_of(family)}"
    for one in field.get("values", ()):
        if not wanted(one):
            yield (*at, "values"), f"{spell(one)} is not {_of(family)}"
    if "quantiles" in field and family not in ("int", "float"):
        yield (*at, "quantiles"), f"only numbers have quantiles, and this is {_of(family)}"
    if "pattern" in field and family != "text":
        yield (*at, "pattern"), f"only text has a pattern, and this is {_of(family)}"
    if "values" in field:
        known = [label(_bound(one)) for one in field["values"]]
        for name in field.get("shares", {}):
            if name not in known:
                yield (*at, "shares", name), f"not one of values{near(name, known)}"
    if sum(pair[0] for pair in field.get("shares", {}).values()) > 1 + 1e-9:
        yield (*at, "shares"), "the lowest shares sum to more than 1"
    if "shape" in field and form in ("csv", "tsv"):
        yield (*at, "shape"), f"a cell of {form} has no shape"
    yield from _order_problems(at, field)


def _order_problems(at: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[Problem]:
    low, high = _bound(table.get("min")), _bound(table.get("max"))
    if low is not None and high is not None and isinstance(low, datetime) == isinstance(high, datetime) and low > high:
        yield (*at, "min"), f"min is above max: {spell(table['min'])} > {spell(table['max'])}"


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "int": lambda value: type(value) is int,
    "float": lambda value: type(value) in (int, float),
    "bool": lambda value: isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "date": lambda value: isinstance(value, date),
}


def _of(family: str | None) -> str:
    names = {"int": "an integer", "float": "a number", "bool": "a boolean", "text": "text", "date": "a date"}
    return names.get(family or "", "of no stated dtype")


def label(value: Any) -> str:
    """A value as the label that counts and shares know it by."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().removesuffix("T00:00:00+00:00")
    return str(value)
