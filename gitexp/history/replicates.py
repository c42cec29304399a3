"""The replicates on both sides of a rerun, from the index: runs alike but for the seed, and reruns of those.

A rerun counts that ran in the environment that the one to be judged ran in, but for its system: what another lab's
packages gave says nothing of these. So does an original that ran where the original did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.history.cache import Condition
from gitexp.history.inputs import Inputs, seed_in
from gitexp.history.read import Run, read_run
from gitexp.history.said import NOT_RETRACTED
from gitexp.record.tolerance import Rules
from gitexp.record.verdict import Equivalence

if TYPE_CHECKING:
    from gitexp.history.listing import Runs
    from gitexp.stats.pairing import Measured

MOST = 50  # runs of a side that are looked at, the newest
_PARTS = ("run.toml", "recipe.toml", "metrics.toml", "environment.toml")


class Replicates(NamedTuple):
    """The runs on each side; the original and the rerun are among them."""

    originals: Sequence[Run]
    reruns: Sequence[Run]


def replicates_of(runs: Runs, reader: ObjectReader, original: Run, rerun: Run) -> Replicates:
    """Raises GitexpError where there is no index to ask."""
    row = runs.at_commit(original.commit)
    if row is None or not row.alike:
        return Replicates([original], [rerun])
    counts = Condition("r.status = 'completed'") & NOT_RETRACTED
    alike = Condition("r.alike = ?", (row.alike,)) & counts
    first = runs.rows(alike & Condition("r.kind = 'run' AND r.\"commit\" != ?", (original.commit,)), limit=MOST)
    originals = "(SELECT id FROM runs WHERE alike = ? AND kind = 'run')"
    again = Condition(f"r.kind = 'rerun' AND r.judged != '' AND r.reproduces IN {originals}", (row.alike,))
    again &= Condition("r.id != ?", (rerun.record.id if rerun.record else "",)) & counts
    return Replicates(
        [original, *(run for one in first if (run := _like(reader, one.commit, original)))],
        [rerun, *(run for one in runs.rows(again, limit=MOST) if (run := _like(reader, one.commit, rerun)))],
    )


def _like(reader: ObjectReader, commit: str, other: Run) -> Run | None:
    """The run, where its environment is known to be that of the other."""
    try:
        run = read_run(reader, commit, parts=_PARTS)
    except GitexpError:
        return None
    differing = Inputs(run, other).environment
    return run if differing is not None and not differing.keys() - {"system"} else None


def tests_of(replicates: Replicates, names: Sequence[str], rules: Rules) -> tuple[list[Equivalence], list[str]]:
    """An equivalence test of each metric, and sentences on what cannot be tested. Raises GitexpError without scipy."""
    from gitexp.stats.equivalence import FEWEST, equivalence
    from gitexp.stats.pairing import side_of
    from gitexp.stats.summary import summary

    missing: list[str] = []
    seeds = [{seed_in(run) for run in side} for side in replicates]
    if min(map(len, replicates)) < FEWEST or _unlike(seeds[0], seeds[1]):
        return [], _too_few(replicates, seeds)
    found = []
    for name in names:
        a, b = (side_of(_measured(side, name), words, []) for side, words in zip(replicates, ("A", "B"), strict=True))
        if min(len(a.values), len(b.values)) < FEWEST:
            missing.append(f"whether {name} is equivalent: fewer than {FEWEST} independent runs of a side have it")
            continue
        allowed = rules.allowed(name, summary(a.values).mean or 0.0)
        tested = equivalence(a.values, b.values, allowed=allowed, family=len(names))
        found.append(
            Equivalence(
                name, len(a.values), len(b.values), tested.difference, tested.low, tested.high, allowed, tested.p,
                tested.equivalent, tested.apart,
            )
        )  # fmt: skip
    return found, missing


def _measured(side: Sequence[Run], name: str) -> list[Measured]:
    from gitexp.stats.pairing import Measured

    return [Measured(seed_in(run), run.metrics.get(name, float("nan"))) for run in side]


def _unlike(a: set[int | None], b: set[int | None]) -> bool:
    """Whether one side says nothing of other seeds, and the other does, or is of another seed."""
    return (len(a) == 1 or len(b) == 1) and a != b


def _too_few(replicates: Replicates, seeds: Sequence[set[int | None]]) -> list[str]:
    counts = f"{len(replicates.originals)} and {len(replicates.reruns)}"
    if len(replicates.originals) < 2 and len(replicates.reruns) < 2:
        return []  # nobody expects a test of one run against one
    return [
        f"whether they are equivalent: that takes 3 runs alike but for the seed and 3 reruns of such, each side in one"
        f" environment; there are {counts}, of {len(seeds[0])} and {len(seeds[1])} seeds"
    ]
