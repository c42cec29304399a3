"""Points to fewer, smoother, or one band of many; knows numbers only. NaN and infinities are gaps, never values."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import NamedTuple

Points = Sequence[tuple[float, float]]  # x never falls back; y may be no number


class Band(NamedTuple):
    """What several curves have in common, at one x."""

    x: float
    n: int  # curves that reach this x
    mean: float
    sd: float | None  # of a sample (n - 1); None: one curve alone
    low: float
    high: float


def thin(points: Points, most: int) -> list[tuple[float, float]]:
    """At most `most` of them: the first, the last, and of equal stretches between the lowest, the highest and a gap."""
    if len(points) <= most:
        return list(points)
    stretches = max((most - 2) // 3, 1)
    kept = {0, len(points) - 1}
    for number in range(stretches):
        places = range(number * len(points) // stretches, (number + 1) * len(points) // stretches)
        known = [at for at in places if isfinite(points[at][1])]
        if known:
            kept |= {min(known, key=lambda at: points[at][1]), max(known, key=lambda at: points[at][1])}
        if len(known) < len(places):
            kept.add(next(at for at in places if not isfinite(points[at][1])))
    return [points[at] for at in sorted(kept)]


def smooth(values: Sequence[float], weight: float) -> list[float]:
    """The exponential moving average, `weight` in [0, 1) of it old, freed from its start at 0, as TensorBoard does.

    s = weight * s + (1 - weight) * v; the value shown is s / (1 - weight^n) at the n-th value. Gaps stay gaps.
    """
    average, bias = 0.0, 1.0
    found = []
    for value in values:
        if isfinite(value):
            average, bias = average * weight + (1 - weight) * value, bias * weight
            value = average / (1 - bias)
        found.append(value)
    return found


def bands(curves: Sequence[Points], most: int = 400) -> list[Band]:
    """Mean, spread and number of several curves, at the places where any of them has a point, `most` of them.

    A curve is taken as straight between two points, and as nothing outside of its range or beside a gap.
    """
    places = sorted({x for curve in curves for x, y in curve if isfinite(x) and isfinite(y)})
    if len(places) > most:
        places = [places[round(number * (len(places) - 1) / (most - 1))] for number in range(most)]
    return list(_bands(curves, places))


def _bands(curves: Sequence[Points], places: Sequence[float]) -> Iterator[Band]:
    from statistics import fmean, stdev

    known = [(curve, [x for x, _ in curve]) for curve in curves]
    for place in places:
        values = [value for curve, xs in known if (value := _at(curve, xs, place)) is not None]
        if values:
            sd = stdev(values) if len(values) > 1 else None
            yield Band(place, len(values), fmean(values), sd, min(values), max(values))


def _at(curve: Points, xs: Sequence[float], place: float) -> float | None:
    after = bisect_left(xs, place)
    if after < len(xs) and xs[after] == place:
        last = after
        while last + 1 < len(xs) and xs[last + 1] == place:
            last += 1  # what was logged last at a step counts
        return curve[last][1] if isfinite(curve[last][1]) else None
    if after in (0, len(xs)):
        return None
    (x, y), (right_x, right_y) = curve[after - 1], curve[after]
    value = y + (right_y - y) * (place - x) / (right_x - x)
    return value if isfinite(value) else None
