"""Which settings tell runs apart, and how they stand in a table: what varies as columns, what all share said once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gitexp.cli.render import Cell, Column, Screen, cut, safe, value, wrap
from gitexp.errors import and_more
from gitexp.history.differing import SELDOM, differing
from gitexp.history.row import Row

LONGEST = 24  # characters of a value in a cell
PLUMBING = (".use", ".contract", ".path", ".seed")  # ends of keys that say little where all share them


def settings_of(row: Row) -> Mapping[str, Any]:
    """A run's settings, its seed among them."""
    found = row.settings
    return found if row.seed is None else {**found, "seed": row.seed}


def varying(rows: Sequence[Row]) -> tuple[list[str], dict[str, Any]]:
    """The keys in which these runs differ, those that say most first, and what all of them share."""
    return differing([settings_of(row) for row in rows if row.problem is None])


def varying_within(rows: Sequence[Row]) -> list[str]:
    """The keys in which runs of the same recipe differ; between recipes nearly all do."""
    by_recipe: dict[str, list[Row]] = {}
    for row in rows:
        by_recipe.setdefault(row.recipe, []).append(row)
    return list(dict.fromkeys(key for some in by_recipe.values() for key in varying(some)[0]))


def setting_column(rows: Sequence[Row], key: str, name: str, *, whole: bool) -> tuple[Column, list[Cell]]:
    """A column for a setting: numbers to the right, texts cut; `-` where a run has none."""
    given = [settings_of(row).get(key) for row in rows]
    numeric = all(one is None or (isinstance(one, int | float) and not isinstance(one, bool)) for one in given)
    cells = []
    for one in given:
        text = "-" if one is None else value(one)
        cells.append(Cell(text if whole else cut(text, LONGEST), "dim" if one is None else "cyan"))
    return Column(safe(name), right=numeric), cells


def shared_line(shared: Mapping[str, Any], *, recipe: str | None, on: Screen) -> str:
    """`all: digits-mlp  epochs 20, optimizer.name adam`."""
    named = [key for key in shared if not key.startswith(SELDOM) and not key.endswith(PLUMBING)]
    named = [key for key in named if isinstance(shared[key], int | float | str) and "{" not in str(shared[key])]
    head = f"all: {safe(recipe)}" if recipe else "all:"
    room = 2 * (on.width or 100) - len(head) - 16
    words: list[str] = []
    for key in named:
        words.append(f"{safe(key)} {cut(value(shared[key]), LONGEST)}")
        if sum(map(len, words)) + 2 * len(words) > room:
            words.pop()
            break
    if not words and recipe is None:
        return ""
    listed = ", ".join(words) + (and_more(len(shared), len(words)) if words else "")
    return wrap(f"{head}  {listed}".rstrip(), on=on, indent="", style="dim")
