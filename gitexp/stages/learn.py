"""Learn from a run's folder what its training program made known: defaults, components, digests, determinism, ranks.

Of a recipe that wraps a program there is nothing to learn. What cannot be read becomes a defect, never an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitexp import runfolder
from gitexp.regularfile import read_regular
from gitexp.spec.trained import (
    Learned,
    defects_of,
    digests_of,
    dump_components,
    dump_rank,
    facts_of,
    peaks_of,
    recipe_with_defaults,
    require_plain,
    sources_of,
    splits_of,
)

MAX_BYTES = 1 << 20  # of one document
MOST_RANKS = 4096


def learn(folder: Path) -> Learned:
    """What the training program said; nothing of it where another program ran."""
    if not (folder / runfolder.TRAINING).exists():
        return Learned()
    problems: list[str] = []
    components = _read(folder, runfolder.COMPONENTS, problems)
    trained = _read(folder, runfolder.TRAINED, problems) if (folder / runfolder.TRAINED).exists() else {}
    typed = read_regular(folder / runfolder.RECIPE).decode()
    recipe, seed = recipe_with_defaults(typed, components.get("defaults"))
    files = {"components.toml": dump_components(components)}
    ranks = {name: _read(folder / runfolder.RANKS, f"{name}.json", problems) for name in _ranks(folder)}
    files |= {f"environment/{name}.toml": dump_rank(rank) for name, rank in ranks.items()}
    return Learned(
        recipe,
        seed,
        digests=digests_of(trained),
        environment=facts_of(trained),
        files=files,
        sources=sources_of(components),
        peaks_bytes=peaks_of(list(ranks.values())),
        splits=splits_of(components),
        problems=(*defects_of(trained), *problems),
    )


def _ranks(folder: Path) -> list[str]:
    """The processes that said something of their own, where there were several."""
    try:
        names = [path.stem for path in (folder / runfolder.RANKS).iterdir() if path.suffix == ".json"]
    except OSError:
        return []
    ranks = sorted((name for name in names if name.isdecimal() and name.isascii()), key=int)[:MOST_RANKS]
    return ranks if len(ranks) > 1 else []


def _read(folder: Path, name: str, problems: list[str]) -> Mapping[str, Any]:
    try:
        if (folder / name).stat().st_size > MAX_BYTES:
            raise ValueError("it is too large")
        document = runfolder.read_json(str(folder), name)
        require_plain(document)
    except (OSError, ValueError, RecursionError) as error:
        problems.append(f"{name} of the training program cannot be read: {error}")
        return {}
    if document is None:
        problems.append(f"{name} of the training program is missing, or no table")
    return document or {}
