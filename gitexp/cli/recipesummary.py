"""Turn rows into figures by recipe, and these into the table of `gitexp log --summary`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gitexp.cli.render import Cell, Column, Screen, ago, duration, safe, stamp, table
from gitexp.history.row import Row


def summarise_recipes(rows: Sequence[Row]) -> dict[str, dict[str, float | int]]:
    """Figures by recipe, the one with the newest run first. Compute time is in seconds, of the runs that state it."""
    figures: dict[str, dict[str, float | int]] = {}
    for row in rows:
        if row.problem is not None:
            continue
        here = figures.setdefault(row.recipe, {"runs": 0, "completed": 0, "failed": 0, "interrupted": 0})
        here["runs"] += 1
        kind = row.status if row.status in ("completed", "interrupted") else "failed"
        here[kind] += 1
        here["compute_s"] = here.get("compute_s", 0.0) + (row.duration_s or 0.0)
        here["newest"] = max(here.get("newest", row.finished), row.finished)
    for here in figures.values():
        here["failure_rate"] = here["failed"] / here["runs"]
    return figures


def summary_table(rows: Sequence[Row], *, on: Screen, now: float) -> str:
    """A line for each recipe, and one for all of them."""
    figures = summarise_recipes(rows)
    columns = [Column("recipe", least=10)]
    columns += [
        Column(name, right=True) for name in ("runs", "completed", "failed", "interrupted", "failure rate", "compute")
    ]
    columns.append(Column("newest"))
    lines = []
    for name, one in figures.items():
        newest = stamp(one["newest"]) if on.width is None else ago(one["newest"], now=now)
        lines.append([Cell(safe(name) or "-", "bold"), *_figures(one), Cell(newest, "dim")])
    if len(figures) > 1:
        total = {
            key: sum(one[key] for one in figures.values())
            for key in ("runs", "completed", "failed", "interrupted", "compute_s")
        }
        lines.append([Cell("all"), *_figures({**total, "failure_rate": total["failed"] / total["runs"]}), Cell("")])
    return table(columns, lines, on=on)


def _figures(one: Mapping[str, float | int]) -> list[Cell]:
    failed = one["failed"] > 0
    return [
        Cell(str(one["runs"])),
        Cell(str(one["completed"])),
        Cell(str(one["failed"]), "red" if failed else ""),
        Cell(str(one["interrupted"])),
        Cell(f"{one['failure_rate'] * 100:.0f} %", "red" if failed else ""),
        Cell(duration(one["compute_s"])),
    ]
