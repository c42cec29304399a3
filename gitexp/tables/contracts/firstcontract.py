"""A Description to a first contract in TOML. Comments hold what was seen; the rules hold for the data as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import ceil, floor, sqrt
from typing import Any

from gitexp.errors import counted
from gitexp.spec.contract import INTEGER_RANGES, label
from gitexp.tables.contracts.description import OUTLIER_RULE, Description, FieldDescription
from gitexp.text.schema import escaped, quote_key, quoted, spell

BARS = "▁▂▃▄▅▆▇█"
SHOWN_LABELS = 20
WIDTH = 100


def contract_toml(description: Description, name: str = "") -> str:
    """`[datasets.NAME.contract]`, or without a name what stands in a contract's own file.

    It is valid TOML, and the data it was written from keeps it.
    """
    at = f"datasets.{quote_key(name)}.contract" if name else ""
    lines = list(_head(description, name))
    lines += [f"[{at}]"] if at else []
    lines += [f"format = {quoted(description.kind)}"]
    low, high = description.rows * 9 // 10, -(-description.rows * 11 // 10)
    lines += [f"rows = {{ min = {low}, max = {high} }}  # {description.rows:,} as described"]
    lines += ['extra_fields = "refuse"  # or "allow"']
    for field in description.fields:
        if any(0xD800 <= ord(char) < 0xE000 for char in field.name):
            lines += ["", f"# The name of the field {escaped(field.name)} is not UTF-8: rename it."]
            continue
        table = f"{at + '.' if at else ''}fields.{quote_key(field.name)}"
        lines += ["", *(f"# {line}" for line in _seen(field, description)), f"[{table}]", *_rules(field)]
        if field.labels is not None and 1 < len(field.labels) <= SHOWN_LABELS:
            lines += [f"[{table}.shares]  # of each label, lowest and highest"]
            lines += [f"{quote_key(name)} = {_share_bounds(n, field.present)}" for name, n in field.labels.items()]
    return "\n".join(lines) + "\n"


def sparkline(histogram: tuple[int, ...]) -> str:
    """A bar for each bin; an empty one is blank, so that gaps show."""
    most = max(histogram, default=0)
    return "".join(BARS[min(count * len(BARS) // (most + 1), 7)] if count else " " for count in histogram)


def _head(description: Description, name: str) -> Iterator[str]:
    files = counted(description.files, "file")
    of = f" of {escaped(name)}" if name else ""
    amount = counted(description.rows, "row")
    yield f"# A first contract{of}, from {amount} in {files}."
    yield "# Tighten what must hold, drop what need not."
    if description.faults:
        faults = counted(description.faults, "row or cell", "rows or cells")
        yield f"# {faults} could not be read: see gitexp data check."
    if any(field.outliers for field in description.fields):
        yield f"# Outliers are values {OUTLIER_RULE}."
    if not all(field.exact for field in description.fields):
        yield "# Quantiles and histograms are of a sample of the values, the same on every machine."
    for split, rows in description.split_rows.items():
        yield f"# split {split}: {rows:,} rows"
    yield ""


def _seen(field: FieldDescription, description: Description) -> Iterator[str]:
    """What is worth knowing of a field before one decides on its rules."""
    if field.histogram:
        skew = "" if field.skew is None else f", skew {field.skew:.2f}"
        yield f"{sparkline(field.histogram)}  {_number(field.low)} to {_number(field.high)}"
        middle = f"median {_number(field.quantiles[0.5])}, quartiles {_number(field.quantiles[0.25])} and "
        yield f"{middle}{_number(field.quantiles[0.75])}, mean {_number(field.mean)}{skew}"
    elif field.distinct:
        yield counted(field.distinct, "value", "different values")
    if field.missing:
        yield f"{field.missing:,} missing ({field.missing_share:.2%})"
    if field.outliers:
        shown = ", ".join(_where(one) for one in field.extremes)
        yield f"outliers: {field.outliers:,}, the furthest {shown}"
    if field.labels is not None:
        yield f"labels: {_counts(field.labels)}"
        for split, by_field in description.splits.items():
            yield f"  in split {split}: {_counts(by_field[field.name])}"


def _where(one: Any) -> str:
    place = escaped(one.file) if one.line is None else f"{escaped(one.file)}:{one.line}"
    return f"{_number(one.value)} ({place} row {one.row})"


def _counts(labels: Mapping[str, int]) -> str:
    shown = ", ".join(f"{escaped(name)[:40]} {count:,}" for name, count in list(labels.items())[:SHOWN_LABELS])
    more = len(labels) - SHOWN_LABELS
    return f"{shown}, and {more} more" if more > 0 else shown


def _rules(field: FieldDescription) -> Iterator[str]:
    if field.dtype is not None:
        yield f"dtype = {quoted(field.dtype)}"
    if field.shape is not None:
        yield f"shape = [{', '.join(quoted(n) if isinstance(n, str) else str(n) for n in field.shape)}]"
    if field.labels is None and field.low is not None:
        yield f"min = {_toml(field.low)}"
        yield f"max = {_toml(field.high)}"
    # A share that is rounded down would refuse the very data that it was taken from.
    yield f"missing = {ceil(field.missing_share * 1000) / 1000}"
    if field.labels is not None:
        yield from _array("values", [_label(name, field.dtype) for name in field.labels])
    elif field.quantiles and field.quantiles[0.4] < field.quantiles[0.6] and field.is_finite:
        low, middle, high = (field.quantiles[share] for share in (0.4, 0.5, 0.6))
        short = float(f"{low:.4g}"), float(f"{high:.4g}")
        low, high = short if short[0] < middle < short[1] else (low, high)
        yield f'quantiles = {{ "0.5" = [{_toml(float(low))}, {_toml(float(high))}] }}'
    if field.distinct == field.present > 1 and field.labels is None and field.shape is None:
        yield "unique = true"


def _share_bounds(count: int, of: int) -> str:
    share = count / of
    room = max(0.02, 4 * sqrt(share * (1 - share) / of))
    low, high = max(floor((share - room) * 1000) / 1000, 0.0), min(ceil((share + room) * 1000) / 1000, 1.0)
    return f"[{low}, {high}]"


def _array(key: str, items: Sequence[str]) -> Iterator[str]:
    """An array, over as many lines as it takes."""
    line = f"{key} = [{', '.join(items)}]"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"{key} = ["
    line = "   "
    for item in items:
        if len(line) + len(item) > WIDTH:
            yield line
            line = "   "
        line += f" {item},"
    yield line
    yield "]"


def _label(name: str, dtype: str | None) -> str:
    return name if dtype in ("int", "bool", *INTEGER_RANGES) else quoted(name)


def _toml(value: Any) -> str:
    if isinstance(value, datetime):
        return label(value)
    return spell(value, limit=400) if value == value else "nan"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else label(value)
