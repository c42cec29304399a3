"""Runs with their histories to the lines of one plot: what is on x, what each is called, what had to be left out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

from gitexp.curves.series import RunHistory, Series
from gitexp.curves.shaping import Band, bands, smooth
from gitexp.errors import counted
from gitexp.history.differing import differing, short_names

AXES = ("step", "time", "epoch")
MOST_KEYS = 3  # settings in a name
LONGEST = 24  # characters of a value there
_MOST = 1e300  # where spans and sums are still floats


class Subject(NamedTuple):
    """A run, as far as a plot needs it."""

    id: str
    name: str  # its id as people write it
    settings: Mapping[str, Any]  # by dotted key
    metrics: Mapping[str, float | int]
    alike: str  # the same for replicates
    history: RunHistory


class Line(NamedTuple):
    """One curve, or the cloud of points of runs; y may be no number, which is a gap."""

    name: str
    runs: tuple[str, ...]
    points: list[tuple[float, float]]
    band: list[Band]  # of several runs; empty: this is one


class Plot(NamedTuple):
    """All that is drawn, and sentences about what is not."""

    metric: str
    x: str
    lines: list[Line]
    notes: list[str]
    joined: bool = True  # False: each point is a run
    log_x: bool = False
    log_y: bool = False


def plot(
    metric: str,
    subjects: Sequence[Subject],
    *,
    x: str = "step",
    grouped: bool = False,
    weight: float = 0.0,
    log_x: bool = False,
    log_y: bool = False,
) -> Plot:
    """The curves of a metric, or its values over another value of each run where `x` is none of step, time, epoch.

    `grouped`: replicates become one line, the mean, with a band. `weight` smooths each run before that.
    """
    notes: list[str] = []
    having = [one for one in subjects if _has(one, metric, x)]
    if missing := [one.name for one in subjects if not _has(one, metric, x)]:
        notes.append(f"without {metric}: {_some(missing)}")
    notes += [f"{one.name}: {one.history.problem}" for one in having if one.history.problem]
    names = labels(having, grouped=grouped)
    label = x
    if x in AXES:
        logged = [one.history.series(metric) for one in having]
        by_number = x == "step" and all(step is None for series in logged for step in series.steps)
        label = "values logged, counted: no steps were" if by_number else {"time": "time, s"}.get(x, x)
        axis = "number" if by_number else x
        curves = [_curve(one, series, axis, weight, notes) for one, series in zip(having, logged, strict=True)]
        sampled = [one for one in having if one.history.is_sample]
        if sampled:
            rows = ", ".join(f"{s.name} {len(s.history.steps)} of {s.history.logged} rows" for s in sampled[:3])
            notes.append(f"samples, with all extremes: {rows}{', …' if len(sampled) > 3 else ''}")
        if weight:
            notes.append(f"smoothed: exponential moving average, {weight:g} of it old, debiased")
    else:
        curves = [_place(one, metric, x, notes) for one in having]
        settings = dict.fromkeys(key for one in having for key in one.settings)
        if x not in settings and (ends := [key for key in settings if key.endswith(f".{x}")]):
            notes.append(f"{x} is the metric of this name; the setting is {_some(ends)}")
    whole = sum(map(len, curves))
    curves = [[point for one in points if (point := _drawable(one, log_x, log_y))] for points in curves]
    if lost := whole - sum(map(len, curves)):
        notes.append(
            f"{counted(lost, 'point')} left out, whose {x} is {'not above 0, or ' if log_x else ''}beyond 1e300"
        )
    if lost := sum(not isfinite(y) for points in curves for _, y in points):
        unfit = ", not above 0" if log_y else ""
        notes.append(f"{counted(lost, 'value is', 'values are')} not a number{unfit} or beyond 1e300: gaps")
    found = _lines(having, names, curves, grouped, joined=x in AXES)
    if grouped and any(line.band for line in found):
        notes.append("band: mean ± sd of the runs that reach that x" if x in AXES else "bar: mean ± sd of replicates")
    return Plot(metric, label, [line for line in found if line.points], notes, x in AXES, log_x, log_y)


def _has(one: Subject, metric: str, x: str) -> bool:
    return metric in one.history.columns if x in AXES else metric in one.metrics


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _curve(one: Subject, series: Series, x: str, weight: float, notes: list[str]) -> list[tuple[float, float]]:
    places = _AXIS[x](series)
    kept = [
        (float(at), float(value))
        for at, value in zip(places, series.values, strict=True)
        if at is not None and isfinite(at)
    ]
    if len(kept) < len(series.values):
        notes.append(f"{one.name}: {counted(len(series.values) - len(kept), 'value')} without {x} left out")
    if any(right[0] < left[0] for left, right in itertools.pairwise(kept)):
        kept.sort(key=lambda point: point[0])
        notes.append(f"{one.name}: its {x} falls back; drawn in its order")
    ys = smooth([y for _, y in kept], weight) if weight else [y for _, y in kept]
    return list(zip([at for at, _ in kept], ys, strict=True))


_AXIS: Mapping[str, Callable[[Series], Sequence[float | int | None]]] = {
    "step": lambda series: series.steps,
    "time": lambda series: series.times,
    "epoch": lambda series: series.epochs,
    "number": lambda series: range(1, len(series.values) + 1),
}


def _place(one: Subject, metric: str, key: str, notes: list[str]) -> list[tuple[float, float]]:
    """A run as one point; none where the key has no number there."""
    found = one.settings.get(key, one.metrics.get(key))
    if isinstance(found, bool) or not isinstance(found, int | float) or not isfinite(found):
        notes.append(f"{one.name}: {key} is {'not there' if found is None else f'no number ({str(found)[:LONGEST]})'}")
        return []
    return [(float(found), float(one.metrics[metric]))]


def _drawable(point: tuple[float, float], log_x: bool, log_y: bool) -> tuple[float, float] | None:
    """A point as it is drawn, beyond what can be drawn a gap; None: its x cannot be."""
    x, y = (0.0 if abs(one) < 1 / _MOST else one for one in point)
    if not abs(x) < _MOST or (log_x and x <= 0):
        return None
    return x, y if abs(y) < _MOST and (y > 0 or not log_y) else float("nan")


def _lines(
    having: Sequence[Subject],
    names: Sequence[str],
    curves: Sequence[list[tuple[float, float]]],
    grouped: bool,
    *,
    joined: bool,
) -> list[Line]:
    if not joined:
        cloud = sorted((point, one.id) for one, points in zip(having, curves, strict=True) for point in points)
        points = [point for point, _ in cloud]
        band = bands([[point] for point in points]) if grouped else []
        return [Line(counted(len(points), "run"), tuple(run for _, run in cloud), points, band)]
    if not grouped:
        return [Line(name, (s.id,), points, []) for s, name, points in zip(having, names, curves, strict=True)]
    found = []
    for places in _groups(having):
        members = [curves[at] for at in places]
        band = bands(members) if len(members) > 1 else []
        points = [(one.x, one.mean) for one in band] if band else members[0]
        found.append(Line(names[places[0]], tuple(having[at].id for at in places), points, band))
    return found


def _groups(subjects: Sequence[Subject]) -> list[list[int]]:
    found: dict[str, list[int]] = {}
    for at, one in enumerate(subjects):
        found.setdefault(one.alike or one.id, []).append(at)
    return list(found.values())


def labels(subjects: Sequence[Subject], *, grouped: bool = False) -> list[str]:
    """What tells each run from the others: its id and the settings that vary; of a group how many runs it has."""
    differ, _ = differing([one.settings for one in subjects])
    names = short_names([key for key in differ if not (grouped and key == "seed")][:MOST_KEYS])
    sizes = {at: len(places) for places in _groups(subjects) for at in places} if grouped else {}
    found = []
    for at, one in enumerate(subjects):
        words = [f"{name}={_text(one.settings.get(key))}" for key, name in names.items()]
        first = counted(sizes[at], "run") if grouped and sizes[at] > 1 else one.name
        found.append(" ".join([first, *words]))
    return found


def _text(value: Any) -> str:
    text = "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
