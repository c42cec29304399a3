"""Compare two groups of runs, metric by metric, and say what makes the comparison unfair. Plain data.

A run that did not complete has values and no result: it counts as one without a number, and is said to. Whatever
differs is looked for against the first run of A, so that the work grows with the runs and not with their pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import nan
from typing import Any, NamedTuple

from gitexp.errors import and_more
from gitexp.history.compare import OTHER_ROWS, between_runs, goals_in_order, of_run
from gitexp.history.examples import ByExample, Results, Rows
from gitexp.history.inputs import COMMAND, Inputs, is_command, rows_key, seed_in
from gitexp.history.read import Run
from gitexp.record.arguments import argument_changes, is_seed
from gitexp.record.metricnames import is_clock, is_setting, is_share
from gitexp.record.metrics import goal_of
from gitexp.stats.difference import Noise
from gitexp.stats.finding import LEVEL, Finding, claim, find, sentence
from gitexp.stats.pairing import NAMES, Measured, side_of
from gitexp.stats.several import holm
from gitexp.stats.summary import summary

NAMED = 5  # settings in a sentence
SLOWER = 1.5  # times as long is another budget


class MetricFinding(NamedTuple):
    """One metric. `values`: of each run of A, and of B; None: it has none."""

    name: str
    goal: str | None
    share: bool  # told in points
    values: tuple[tuple[float | int | None, ...], tuple[float | int | None, ...]]
    finding: Finding
    p_holm: float | None  # of the difference, adjusted for `metrics` of them
    metrics: int
    claim: str
    sentence: str


class Setting(NamedTuple):
    """What was set otherwise: the values of all runs, in order. None: not set."""

    name: str
    values: tuple[Any, ...]


class GroupComparison(NamedTuple):
    """Two groups. `between`: what was set otherwise, with the values of A and of B."""

    metrics: tuple[MetricFinding, ...]  # those with a goal first
    between: tuple[tuple[str, tuple[Any, ...], tuple[Any, ...]], ...]
    seeds: tuple[tuple[int | None, ...], tuple[int | None, ...]]
    unfair: tuple[str, ...]


def compare_groups(
    a: Sequence[Run],
    b: Sequence[Run],
    *,
    goals: Mapping[str, str],
    only: Sequence[str] = (),
    level: float = LEVEL,
    baseline: Sequence[Run] = (),
    by_example: ByExample | None = None,
) -> GroupComparison:
    """`goals` are gitexp.toml's. `only`: metrics; all without. `baseline`: replicates; a single run has their noise.

    Raises GitexpError.
    """
    runs = [*a, *b]
    against = [Inputs(runs[0], run) for run in runs[1:]]
    seeds = tuple(map(seed_in, a)), tuple(map(seed_in, b))
    apart = sorted({name for inputs in against for name in inputs.other_held_out})
    own_rows = bool(apart) and _rows_of_seeds(a, seeds[0]) == _rows_of_seeds(b, seeds[1]) is not None
    apart = [] if own_rows else apart
    stated = goals_in_order(goals, *runs)
    found: list[MetricFinding] = []
    for name in _names(runs, stated, only):
        values = tuple(run.metrics.get(name) for run in a), tuple(run.metrics.get(name) for run in b)
        results = [
            [(run, _result(run, v)) for run, v in zip(*one, strict=True)] for one in ((a, values[0]), (b, values[1]))
        ]
        known = by_example.results(name, results[0], results[1]) if by_example else Results(None)
        sides = [
            [Measured(seed, value, row) for seed, (_, value), row in zip(of, those, rows, strict=True)]
            for of, those, rows in zip(seeds, results, known.rows or _no_rows(a, b), strict=True)
        ]
        finding = find(sides[0], sides[1], level=level, noise=noise_of(name, baseline))
        if known.why:
            finding = finding._replace(notes=(*finding.notes, f"values by example are not used: {known.why}"))
        share = _in_points(name, (*values[0], *values[1]))
        goal = goal_of(name, stated)
        found.append(MetricFinding(name, goal, share, values, finding, None, 1, "", ""))
    settings = settings_of(runs)
    return GroupComparison(
        metrics=tuple(one for family in _families(found) for one in _judged(family, apart)),
        between=tuple(_between(runs, settings, len(a))),
        seeds=seeds,
        unfair=(
            *_unfair(a, b, against, seeds, settings, own_rows=own_rows),
            *_of_baseline(baseline, min(len(a), len(b))),
        ),
    )


def _no_rows(a: Sequence[Run], b: Sequence[Run]) -> tuple[Rows, Rows]:
    return [()] * len(a), [()] * len(b)


def _families(found: Sequence[MetricFinding]) -> list[list[MetricFinding]]:
    """Metrics that are corrected for each other: those with a goal, those without, and slices."""
    slices = [one for one in found if is_slice(one.name)]
    whole = [one for one in found if one not in slices]
    return [[one for one in whole if one.goal], [one for one in whole if not one.goal], slices]


def is_slice(name: str) -> bool:
    """Whether it is a metric of a part of the data: `val.acc[digit=3]`."""
    return "[" in name


def noise_of(name: str, baseline: Sequence[Run]) -> Noise | None:
    """What replicates vary by. None: they do not tell."""
    measured = [Measured(seed_in(run), _result(run, run.metrics.get(name))) for run in baseline]
    found = summary(side_of(measured, "the noise", []).values)
    return Noise(found.sd, found.n) if found.sd else None


def _of_baseline(baseline: Sequence[Run], fewest: int) -> Iterator[str]:
    """What there is to say of those whose noise is taken."""
    if not baseline:
        return
    if fewest > 1:
        yield "the noise is that of either side: both have several runs, so --noise is not used"
        return
    yield from _no_replicates("the noise", baseline, settings_of(baseline))
    if len({seed_in(run) for run in baseline}) < 2:
        yield "the runs of the noise have one seed, or none that is recorded: they show no other seeds"


def settings_of(runs: Sequence[Run]) -> list[Setting]:
    """The keys of recipes and the arguments that are not the same for all runs, but for seeds."""
    first: Any = runs[0].recipe_values.get(COMMAND)
    rows: list[dict[str, Any]] = []
    in_first: dict[str, Any] = {}
    for run in runs:
        row = {key: value for key, value in run.recipe_values.items() if not is_seed(key)}
        command: Any = row.get(COMMAND)
        if is_command(first) and is_command(command):
            del row[COMMAND]
            for change in argument_changes(first, command):
                if not is_seed(change.name):
                    in_first[change.name], row[change.name] = change.a, change.b
        rows.append(row)
    filled = [row if COMMAND in row else {**in_first, **row} for row in rows]
    found = [
        Setting(name, tuple(row.get(name) for row in filled)) for name in dict.fromkeys(n for r in filled for n in r)
    ]
    return [setting for setting in found if _vary(setting.values)]


def remarks(sides: Mapping[str, Sequence[Run]], against: Iterable[Inputs]) -> list[str]:
    """What `diff` says of two runs, said once for all of them, with how many it is true of."""
    told = dict.fromkeys(text for inputs in against for text in between_runs(inputs))
    counts: dict[tuple[str, str], int] = {}
    for name, side in sides.items():
        for run in side:
            for text in dict.fromkeys(of_run(name, run)):
                counts[name, text] = counts.get((name, text), 0) + 1
    of = {name: len(side) for name, side in sides.items()}
    each = [f"{text} ({count} of {of[name]} runs)" if of[name] > 1 else text for (name, text), count in counts.items()]
    return [*told, *each]


class ManyRuns(NamedTuple):
    """Single runs beside each other. Values stand in the order of the runs; None: there is none."""

    same: tuple[str, ...]  # what all have in common: code, data, …
    settings: tuple[Setting, ...]  # what differs, the seed among it
    metrics: tuple[tuple[str, str | None, bool, tuple[float | int | None, ...]], ...]  # name, goal, share, values
    unfair: tuple[str, ...]


def compare_many(runs: Sequence[Run], *, goals: Mapping[str, str]) -> ManyRuns:
    """What is common to three or more runs, and what differs."""
    known = goals_in_order(goals, *runs)
    against = [Inputs(runs[0], run) for run in runs[1:]]
    settings = settings_of(runs)
    facts: list[tuple[str, tuple[Any, ...]]] = [
        ("code", tuple(run.code and run.code[:10] for run in runs)),
        ("recipe", tuple(run.record and run.record.recipe for run in runs)),
        ("data", tuple(_data_of(run) for run in runs)),
        ("seed", tuple(map(seed_in, runs))),
    ]
    same = [
        f"{name} {value[0]}" if name in ("recipe", "seed") else name
        for name, value in facts
        if not _vary(value) and value[0]
    ]
    same += ["settings"] if not settings else []
    same += ["environment"] if all(inputs.environment == {} for inputs in against) else []
    differing = [Setting(name, values) for name, values in facts if _vary(values)]
    metrics = []
    for name in _names(runs, known, ()):
        values = tuple(run.metrics.get(name) for run in runs)
        metrics.append((name, goal_of(name, known), _in_points(name, values), values))
    sides = {chr(ord("A") + at) if len(runs) <= 26 else str(at + 1): [run] for at, run in enumerate(runs)}
    return ManyRuns(tuple(same), (*differing, *settings), tuple(metrics), tuple(remarks(sides, against)))


def _data_of(run: Run) -> str:
    return ", ".join(f"{name} {(one.digest or 'not recorded')[:18]}" for name, one in sorted(run.data.items()))


def _names(runs: Sequence[Run], goals: Mapping[str, str], only: Sequence[str]) -> list[str]:
    there = {name for run in runs for name in run.metrics}
    if only:
        return [name for name in dict.fromkeys(only) if name in there]
    others = [n for n in sorted(there) if goal_of(n, goals) or not (is_clock(n) or is_setting(n))]
    return list(dict.fromkeys([*(name for name in goals if name in there), *others]))


def _in_points(name: str, values: Iterable[float | int | None]) -> bool:
    return is_share(name, (value for value in values if value is not None))


def _result(run: Run, value: float | int | None) -> float:
    completed = run.record is not None and run.record.status == "completed"
    return nan if value is None or not completed else value


def _judged(found: Sequence[MetricFinding], apart: Sequence[str]) -> list[MetricFinding]:
    """With what may be claimed, of metrics that are one family."""
    tested = [one for one in found if one.finding.difference is not None]
    adjusted = holm([one.finding.difference.p for one in tested if one.finding.difference])
    ps = {one.name: p for one, p in zip(tested, adjusted, strict=True)}
    judged = []
    for one in found:
        p, finding = ps.get(one.name), one.finding
        said = claim(finding, goal=one.goal, p=p)
        text = sentence(finding, goal=one.goal, share=one.share, p=p, metrics=len(tested))
        if apart:
            said, text = "", f"no claim: the held-out rows are not the same ({', '.join(apart)})"
        judged.append(one._replace(p_holm=p, metrics=len(tested), claim=said, sentence=text))
    return judged


def _between(
    runs: Sequence[Run], settings: Sequence[Setting], n_a: int
) -> Iterator[tuple[str, tuple[Any, ...], tuple[Any, ...]]]:
    code = Setting("code", tuple(run.code and run.code[:10] for run in runs))
    for setting in (code, *settings):
        sides = [_distinct(side) for side in (setting.values[:n_a], setting.values[n_a:])]
        if {*map(repr, sides[0])} != {*map(repr, sides[1])}:
            yield setting.name, sides[0], sides[1]


def _rows_of_seeds(side: Sequence[Run], seeds: Sequence[int | None]) -> Mapping[int, str] | None:
    """The held-out rows of each seed, by their digest; None where a run's are not known, or a seed is there twice."""
    rows = [rows_key((run.record.splits, run.data)) if run.record else "" for run in side]
    found = {seed: key for seed, key in zip(seeds, rows, strict=True) if seed is not None and key}
    return found if len(found) == len(side) else None


def _unfair(
    a: Sequence[Run],
    b: Sequence[Run],
    against: Sequence[Inputs],
    seeds: tuple[tuple[int | None, ...], tuple[int | None, ...]],
    settings: Sequence[Setting],
    *,
    own_rows: bool,
) -> Iterator[str]:
    for name, of_side in zip(NAMES, (slice(len(a)), slice(len(a), None)), strict=True):
        own = [setting._replace(values=setting.values[of_side]) for setting in settings]
        yield from _no_replicates(name, [*a, *b][of_side], own)
    for remark in remarks(dict(zip(NAMES, (a, b), strict=True)), against):
        if not (own_rows and OTHER_ROWS in remark):
            yield remark
    if own_rows:
        yield "each seed has held-out rows of its own, the same on both sides: how much they differ is in the noise"
    known = [{seed for seed in side if seed is not None} for side in seeds]
    if known[0] and known[1] and known[0] != known[1]:
        common = len(known[0] & known[1])
        yield f"other seeds on each side: {common} in common" if common else "no seed is on both sides"
    means = [_mean_duration(side) for side in (a, b)]
    if means[0] and means[1] and not 1 / SLOWER < means[1] / means[0] < SLOWER:
        yield f"other budget of time: B's runs took {means[1] / means[0]:.2g} times as long as A's"


def _no_replicates(name: str, runs: Sequence[Run], settings: Sequence[Setting]) -> Iterator[str]:
    varying = [setting.name for setting in settings if _vary(setting.values)]
    if varying:
        more = and_more(len(varying), NAMED)
        yield f"the runs of {name} are no replicates: they differ in {', '.join(varying[:NAMED])}{more}"
    codes = len({run.code for run in runs})
    if codes > 1:
        yield f"the runs of {name} are no replicates: {codes} different codes"


def _mean_duration(side: Sequence[Run]) -> float | None:
    times = [run.record.duration_s for run in side if run.record and run.record.duration_s]
    return sum(times) / len(times) if times else None


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple({repr(value): value for value in values}.values())


def _vary(values: Sequence[Any]) -> bool:
    return len({repr(value) for value in values}) > 1
