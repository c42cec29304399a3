"""Turn the runs of two sides, a seed and a value each, into independent values, and into pairs where seeds match.

Runs that share a seed are no independent trials of a method: they count as one, by their mean, unless a side has one
seed alone, of which its runs then say what they can. What is left out or put together is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

from gitexp.errors import counted
from gitexp.stats.summary import numbers, summary

NAMES = ("A", "B")
FEWEST_PAIRS = 3  # where seeds match in part
SHOWN_SEEDS = 5


class Measured(NamedTuple):
    """The value of one run: NaN where it has none. `seed` None: not recorded."""

    seed: int | None
    value: float
    row: Sequence[float] = ()  # what it is the mean of: a value for each example, the same ones in all runs


class Side(NamedTuple):
    """The independent values of one side."""

    values: tuple[float, ...]
    seeds: tuple[int | None, ...]  # of each of them
    runs: int  # that there are
    left_out: int  # that have no number
    rows: tuple[Sequence[float], ...] = ()  # by example, of each value; none where they are not known


class Sides(NamedTuple):
    """Two sides. `pairs` None: seeds do not match, and every value counts by itself."""

    a: Side
    b: Side
    pairs: tuple[tuple[float, float], ...] | None
    notes: tuple[str, ...]


def matched(a: Sequence[Measured], b: Sequence[Measured]) -> Sides:
    """The sides, paired where every seed has its partner, or three pairs and three quarters of either side do.

    Pairs are fewer degrees of freedom, bought with what a seed has in common on both sides. Matches in part that are
    not used cost width and nothing else: seeds that push both sides the same way make Welch's interval too wide.
    """
    notes: list[str] = []
    sides = side_of(a, NAMES[0], notes), side_of(b, NAMES[1], notes)
    by_seed = [{seed: v for seed, v in zip(s.seeds, s.values, strict=True) if seed is not None} for s in sides]
    common = sorted(by_seed[0].keys() & by_seed[1].keys())
    most = max(len(side.values) for side in sides)
    whole = len(common) == most == min(len(side.values) for side in sides)
    if len(common) < 2 or not (whole or (len(common) >= FEWEST_PAIRS and 4 * len(common) >= 3 * most)):
        if common and most > 1:
            notes.append(f"{counted(len(common), 'seed')} of {most} on both sides: not paired")
        return Sides(sides[0], sides[1], None, tuple(notes))
    for side, name in zip(sides, NAMES, strict=True):
        without = [seed for seed in side.seeds if seed not in common]
        if without:
            notes.append(
                f"paired by seed; without a partner, and left out of the difference: {_seeds(without)} of {name}"
            )
    pairs = tuple((by_seed[0][seed], by_seed[1][seed]) for seed in common)
    return Sides(sides[0], sides[1], pairs, tuple(notes))


def side_of(runs: Sequence[Measured], name: str, notes: list[str]) -> Side:
    """Its independent values; what was left out or put together goes to `notes`."""
    usable = [run for run in runs if isfinite(run.value) and numbers([run.value])]
    missing = len(runs) - len(usable)
    if missing:
        notes.append(f"{counted(missing, 'run')} of {name} without a number, left out")
    seeds = list(dict.fromkeys(run.seed for run in usable if run.seed is not None))
    if len(seeds) == 1 and len(usable) > 1 and all(run.seed is not None for run in usable):
        notes.append(f"every run of {name} has the seed {seeds[0]}: nothing is known of other seeds")
        return _of([(run.value, None, run.row) for run in usable], len(runs), missing)
    found: list[_Value] = [(run.value, None, run.row) for run in usable if run.seed is None]
    for seed in seeds:
        same = [run for run in usable if run.seed == seed]
        row = [summary(column).mean or 0.0 for column in zip(*(run.row for run in same), strict=True)]
        found.append((summary(run.value for run in same).mean or 0.0, seed, row))
        if len(same) > 1:
            notes.append(f"{len(same)} runs of {name} with the seed {seed} count as one, by their mean")
    return _of(found, len(runs), missing)


_Value = tuple[float, int | None, Sequence[float]]


def _of(found: Sequence[_Value], runs: int, missing: int) -> Side:
    values, seeds, rows = zip(*found, strict=True) if found else ((), (), ())
    return Side(values, seeds, runs, missing, rows if all(rows) else ())


def _seeds(seeds: Sequence[int | None]) -> str:
    shown = ["no seed" if seed is None else f"seed {seed}" for seed in seeds[:SHOWN_SEEDS]]
    return ", ".join(shown) + (f" and {len(seeds) - SHOWN_SEEDS} more" if len(seeds) > SHOWN_SEEDS else "")
