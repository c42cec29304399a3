"""history.csv and metrics.toml to what they break of section 8 of docs/format.md, by that page alone."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from typing import Any
from unicodedata import category, normalize

Table = tuple[list[str], list[list[str]]]
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?|nan|-?inf")


def check_metric_names(names: list[str]) -> Iterator[str]:
    """Names that must not be metrics'."""
    for name in names:
        control = any(category(char) == "Cc" for char in name)
        if not name or name != normalize("NFC", name) or control or len(name.encode()) > 128:
            yield f"{name!r} is no name of a metric"
        if name.startswith(("=", "+", "-", "@")) or name in ("step", "time_s", "attempt"):
            yield f"{name!r} is no name of a metric"


def table(text: bytes) -> Table:
    """Header and rows of a CSV file."""
    header, *rows = csv.reader(io.StringIO(text.decode(), newline=""), strict=True)
    return header, rows


def check_history(
    text: bytes,
    whole: bytes,
    *,
    about: dict[str, Any],
    attempt: int,
    rules: dict[str, Any],
    summary: dict[str, Any],
    judged: dict[str, Any] | None,
) -> Iterator[str]:
    """What `text` (history.csv), `whole` (the same, or what it is a sample of) and the summary break of the format."""
    (header, rows), (whole_header, all_rows) = table(text), table(whole)
    first = ["step", "time_s"] if attempt == 1 else ["step", "time_s", "attempt"]
    if header != whole_header or header[: len(first)] != first or len(set(header)) != len(header):
        yield f"history.csv: its columns are {header}"
        return
    names = header[len(first) :]
    yield from (f"history.csv: {what}" for what in check_metric_names(names))
    yield from (f"history.csv: {what}" for what in _cells(header, all_rows))
    if (len(all_rows), len(rows)) != (about["rows"], about["kept"]):
        yield f"history.csv: {len(rows)} of {len(all_rows)} rows, but [history] says {about}"
    logged = [name for row in all_rows for name, cell in zip(header, row, strict=True) if cell and name in names]
    if list(dict.fromkeys(logged)) != names:
        yield "history.csv: the columns are not in the order in which they were first logged"
    if text != whole:
        yield from (f"history.csv: {what}" for what in _sample(header, names, rows, all_rows))
        yield from [] if len(whole) > 256 * 1024 else ["history.csv: was cut without need"]
    columns = {name: [float(row[header.index(name)]) for row in all_rows if row[header.index(name)]] for name in names}
    if set(summary) != set(columns):
        yield f"metrics.toml: has {sorted(summary)}, the history {sorted(columns)}"
        return
    yield from _judged(judged, header, all_rows, columns, rules)
    best = dict(zip(header, all_rows[judged["row"] - 1], strict=True)) if judged else {}
    for name, values in columns.items():
        expected = _summary(name, values, rules, best if judged else None)
        if not any(repr(float(summary[name])) == repr(value) for value in expected):
            yield f"metrics.toml: {name} is {summary[name]}, by the history {' or '.join(map(repr, expected[:5]))}"


def _judged(
    judged: dict[str, Any] | None,
    header: list[str],
    rows: list[list[str]],
    columns: dict[str, list[float]],
    rules: dict[str, Any],
) -> Iterator[str]:
    goals = rules.get("goal", {})
    said = rules.get("summary", {})
    names = [name for name in goals if said.get(name, "best") in ("best", goals[name])]
    names = [rules["monitor"]] if "monitor" in rules else names
    by = next((n for n in names if any(not math.isnan(value) for value in columns.get(n, []))), None)
    if (judged or {}).get("by") != by:
        yield f"[summary]: is by {(judged or {}).get('by')}, not by {by}"
    elif judged is not None and by is not None:
        known = [value for value in columns[by] if not math.isnan(value)]
        best = max(known) if goals[by] == "max" else min(known)
        cells = [row[header.index(by)] for row in rows]
        row = next(at for at, cell in enumerate(cells) if cell and float(cell) == best)
        step = {"step": int(rows[row][0])} if rows[row][0] else {}
        if judged != {"by": by, "goal": goals[by], "row": row + 1, **step}:
            yield f"[summary]: is {judged}, by the history row {row + 1}"


def _cells(header: list[str], rows: list[list[str]]) -> Iterator[str]:
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            yield f"line {number} has {len(row)} cells"
        for name, cell in zip(header, row, strict=False):
            if cell and not NUMBER.fullmatch(cell):
                yield f"line {number}: {name} is {cell!r}"
        if not re.fullmatch(r"-?\d*", row[0]):
            yield f"line {number}: step is {row[0]!r}"
        if not any(row[2:]):
            yield f"line {number} logs nothing"


def _sample(header: list[str], names: list[str], rows: list[list[str]], all_rows: list[list[str]]) -> Iterator[str]:
    if len(rows) > 1_000:
        yield f"{len(rows)} rows are too many for a sample"
    rest = iter(all_rows)
    if not all(row in rest for row in rows):
        yield "its rows are not some of the whole history's, in their order"
    if rows and (rows[0] != all_rows[0] or rows[-1] != all_rows[-1]):
        yield "lacks the first or the last row"
    for name in names:
        at = header.index(name)
        kept = [float(row[at]) for row in rows if row[at] not in ("", "nan")]
        logged = [float(row[at]) for row in all_rows if row[at] not in ("", "nan")]
        if logged and (min(logged), max(logged)) != (min(kept), max(kept)):
            yield f"lacks the minimum or the maximum of {name}"


def _summary(name: str, values: list[float], rules: dict[str, Any], best: dict[str, str] | None) -> list[float]:
    """What the value may be: of a metric that the best row lacks any that was logged."""
    said = rules.get("summary", {})
    how = said.get(name) or said.get(name.partition("[")[0])
    goals = rules.get("goal", {})
    how = (goals.get(name) or goals.get(name.partition("[")[0], "last")) if how == "best" else how
    known = [value for value in values if not math.isnan(value)] or values
    if how is None and best is not None:
        return [float(best[name])] if best[name] else values
    return [{"last": values[-1], "min": min(known), "max": max(known), None: values[-1]}[how]]
