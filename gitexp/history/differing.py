"""Which settings tell runs apart, and the shortest names that tell these apart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

SELDOM = ("script", "arguments", "run.", "data.", "resources.", "reproducibility.")  # beginnings of what comes last


def differing(runs: Sequence[Mapping[str, Any]]) -> tuple[list[str], dict[str, Any]]:
    """The keys in which the settings of these runs differ, those that say most first, and what all of them share."""
    values: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for run in runs:
        for key, one in run.items():
            plain = not isinstance(one, list | dict)  # of which JSON is ten times as slow
            # 1 is not 1.0, as in a recipe
            values.setdefault(key, set()).add(repr(one) if plain else json.dumps(one, sort_keys=True, default=str))
            counts[key] = counts.get(key, 0) + 1
    everywhere = {key for key, count in counts.items() if count == len(runs)}
    differ = [key for key in values if key not in everywhere or len(values[key]) > 1]
    order = {key: at for at, key in enumerate(values)}
    differ.sort(key=lambda key: (key.startswith(SELDOM), key == "seed", -counts[key], order[key]))
    first = runs[0] if runs else {}
    return differ, {key: first[key] for key in first if key in everywhere and key not in differ}


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
