"""Which settings tell runs apart, and how they stand in a table: what varies as columns, what all share said once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gitexp.cli.render import Cell, Column, Screen, cut, safe, value, wrap
from gitexp.errors import and_more
from gitexp.history.row import Row

LONGEST = 24  # characters of a value in a cell
SELDOM = ("script", "arguments", "run.", "data.", "resources.", "reproducibility.")  # beginnings; last among columns
PLUMBING = (".use", ".contract", ".path", ".seed")  # ends of keys that say little where all share them


def settings_of(row: Row) -> Mapping[str, Any]:
    """A run's settings, its seed among them."""
    found = row.settings
    return found if row.seed is None or "seed" in found else {**found, "seed": row.seed}


def varying(rows: Sequence[Row]) -> tuple[list[str], dict[str, Any]]:
    """The keys in which these runs differ, those that say most first, and what all of them share."""
    values: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    readable = [row for row in rows if row.problem is None]
    for row in readable:
        for key, one in settings_of(row).items():
            values.setdefault(key, set()).add(text_of(one))
            counts[key] = counts.get(key, 0) + 1
    everywhere = {key for key, count in counts.items() if count == len(readable)}
    differ = [key for key in values if key not in everywhere or len(values[key]) > 1]
    order = {key: at for at, key in enumerate(values)}
    differ.sort(key=lambda key: (key.startswith(SELDOM), key == "seed", -counts[key], order[key]))
    first = settings_of(readable[0]) if readable else {}
    return differ, {key: first[key] for key in first if key in everywhere and key not in differ}


def text_of(thing: Any) -> str:
    """The same for equal values alone: 1 is not 1.0 here, as in a recipe."""
    return json.dumps(thing, sort_keys=True)


def short_names(names: Sequence[str], *, taken: Sequence[str] = ()) -> dict[str, str]:
    """The last part of each name, or as many as tell it from the others and from what is taken."""
    found = {}
    for name in names:
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            short = ".".join(parts[-count:])
            others = sum(other == short or other.endswith(f".{short}") for other in names)
            if others == 1 and short not in taken:
                break
        found[name] = short
    return found


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
