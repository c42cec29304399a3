"""The summary of a run: the values of one row, the best by the metric that judges; docs/format.md, section 8.

Without a metric that judges, the last value of each; what `[metrics] summary` says of a metric holds all the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gitexp.record.history import HistoryWriter, Lines, Source
from gitexp.record.metrics import MetricRules, Number, goal_of
from gitexp.record.pasthistory import load_cell
from gitexp.record.tally import Extreme, Tally


class Headline(NamedTuple):
    """Which row is judged by."""

    metric: str
    way: str  # max | min
    best: Extreme


def judged_by(tallies: Mapping[str, Tally], rules: MetricRules) -> Headline | None:
    """By `monitor`, else by the first goal whose metric has a value but NaN. None: by nothing.

    A metric whose last value is asked for, say, is judged by no best row.
    """
    goal = rules.goal
    own = [name for name, way in goal.items() if rules.summary.get(name, "best") in ("best", way)]
    for name in [rules.monitor] if rules.monitor is not None else own:
        best = tallies[name].best(goal.get(name, "")) if name in tallies else None
        if best is not None:
            return Headline(name, goal[name], best)
    return None


def summarise(history: HistoryWriter, lines: Lines, headline: Headline | None, rules: MetricRules) -> dict[str, Number]:
    """One value for each metric, in first-logged order.

    A slice (`val.acc[digit=3]`) goes by what is said of itself, else by what is said of its metric.
    """
    tallies = history.tallies
    ways: dict[str, str] = {}
    for name in tallies:
        said = goal_of(name, rules.summary)
        way = goal_of(name, rules.goal) or "last" if said == "best" else said
        if way is not None:
            ways[name] = way
    asked = [name for name in tallies if name not in ways]
    found: Mapping[str, Number] = {}
    if headline is not None and asked:
        found = {headline.metric: headline.best.value}
        if asked != [headline.metric]:
            found = {**values_at(headline, asked, history=history, lines=lines), **found}
    return {
        name: tally.chosen(ways[name]) if name in ways else found.get(name, tally.last)
        for name, tally in tallies.items()
    }


def values_at(headline: Headline, wanted: Sequence[str], *, history: HistoryWriter, lines: Lines) -> dict[str, Number]:
    """The value that each of these metrics had when the best row was logged."""
    places = {name: at for at, name in enumerate(history.tallies, history.first_cell) if name in wanted}
    cells = lines.line(headline.best.row).rstrip(b"\n").split(b",")
    found = {name: cells[at] for name, at in places.items() if cells[at]}
    missing = {name: at for name, at in places.items() if name not in found}
    if missing:
        # Without steps, what was logged as often as the metric that judges goes with it: value by value.
        often = history.tallies[headline.metric].count
        ordinals = {name: headline.best.ordinal for name in missing if history.tallies[name].count == often}
        step = int(cells[0]) if cells[0] else None
        found |= _nearest(headline.best.row, step, missing, ordinals, lines.all(), history.sources)
    numbers = {name: load_cell(text.decode()) for name, text in found.items()}
    return {name: value for name, value in numbers.items() if value is not None}


def _nearest(
    best_row: int,
    best_step: int | None,
    missing: Mapping[str, int],
    ordinals: Mapping[str, int],
    lines: Iterable[bytes],
    sources: Sequence[Source],
) -> dict[str, bytes]:
    """Of each metric, the text of its value that comes nearest to the row: see the format for what is nearer."""
    nearest: dict[str, tuple[tuple[int, int, int], bytes]] = {}
    counts = dict.fromkeys(missing, 0)
    firsts = [source.first_row for source in sources]
    source, own, follows = -1, bisect_right(firsts, best_row) - 1, False
    columns = list(missing.items())
    by_step = best_step is not None and sources[own].in_step
    for row, text in enumerate(lines):
        if source + 1 < len(firsts) and row == firsts[source + 1]:
            source += 1
        cells = text.rstrip(b"\n").split(b",")
        step = int(cells[0]) if cells[0] else None
        if row >= best_row:  # a program may log one step in several calls
            follows = (row == best_row or follows) and step is not None and step == best_step and source == own
        for name, at in columns:
            cell = cells[at]
            if not cell:
                continue
            counts[name] += 1
            if follows or (best_step is None and counts[name] == ordinals.get(name)):
                key = (3, row, 0)
            elif by_step and step is not None and best_step is not None and sources[source].in_step:
                key = (2, step, row) if step <= best_step else (0, -step, -row)
            else:
                key = (1, row, 0) if row < best_row else (-1, -row, 0)
            if name not in nearest or key > nearest[name][0]:
                nearest[name] = key, cell
    return {name: cell for name, (_, cell) in nearest.items()}
