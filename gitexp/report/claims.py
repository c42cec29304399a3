"""The one sentence that a page may say of the best two groups by each metric with a goal. Needs scipy to say more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import isfinite
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.history.choosing import repeats
from gitexp.history.read import read_run
from gitexp.record.metrics import goal_of
from gitexp.report.material import Reported

MOST_METRICS = 6
MOST_RUNS = 200  # of a group
SAID = 5  # of what makes a comparison unfair


class Claim(NamedTuple):
    """What the figures carry of two groups. `a`, `b`: the place of a run of each among those of the page."""

    metric: str
    a: int  # the second best
    b: int  # the best
    groups: int  # of how many they were chosen
    sentence: str
    unfair: Sequence[str] = ()


def claims(
    reader: ObjectReader, runs: Sequence[Reported], *, goals: Mapping[str, str], out: Collection[str]
) -> list[Claim]:
    """For each metric with a goal of which two groups have numbers. `out`: ids of retracted runs."""
    again = repeats([one.row for one in runs])
    counting = [
        at for at, one in enumerate(runs) if _counts(one) and one.row.id not in out and one.row.commit not in again
    ]
    names = dict.fromkeys(name for at in counting for name in runs[at].row.metrics if "[" not in name)
    stated = [name for name in names if goal_of(name, goals)]
    first = {name: place for place, name in enumerate(goals)}
    stated.sort(key=lambda name: first.get(name, len(first)))
    return [found for name in stated[:MOST_METRICS] if (found := _claim(reader, runs, counting, name, goals))]


def _counts(one: Reported) -> bool:
    row = one.row
    return row.status == "completed" and row.kind != "smoke" and row.problem is None and bool(row.commit)


def _claim(
    reader: ObjectReader, runs: Sequence[Reported], counting: Sequence[int], name: str, goals: Mapping[str, str]
) -> Claim | None:
    groups: dict[str, list[int]] = {}
    for at in counting:
        value = runs[at].row.metrics.get(name)
        if value is not None and isfinite(value):
            groups.setdefault(runs[at].alike, []).append(at)
    sign = -1 if goal_of(name, goals) == "max" else 1
    ranked = sorted(groups.values(), key=lambda group: sign * _mean(runs, group, name))
    if len(ranked) < 2:
        return None
    best, second = ranked[:2]
    claim = Claim(name, second[0], best[0], len(ranked), "")
    a, b = ([read_run(reader, runs[at].row.commit) for at in group[:MOST_RUNS]] for group in (second, best))
    from gitexp.history.groupcompare import compare_groups

    try:
        found = compare_groups(a, b, goals=goals, only=[name])
    except GitexpError as error:  # scipy is not there
        return claim._replace(sentence=f"not tested: {error.what} ({error.fix})")
    [metric] = found.metrics
    return claim._replace(sentence=metric.sentence, unfair=found.unfair[:SAID])


def _mean(runs: Sequence[Reported], group: Sequence[int], name: str) -> float:
    return sum(runs[at].row.metrics[name] / len(group) for at in group)
