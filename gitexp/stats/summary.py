"""Turn the values of a group into n, mean, sd and range. Standard library only: a listing does it for each group."""

from __future__ import annotations

from collections.abc import Iterable
from math import fsum, hypot, inf, isfinite, sqrt
from typing import NamedTuple


class Summary(NamedTuple):
    """What is known of a group. NaN and infinite values are counted in `left_out`, and in nothing else."""

    n: int
    mean: float | None  # None: there is no number
    sd: float | None  # of the sample (n - 1); None: fewer than two numbers
    least: float | None
    most: float | None
    left_out: int = 0


def numbers(values: Iterable[float]) -> list[float]:
    """Those that can be computed with: neither NaN nor infinite, nor an integer beyond what a float can be."""
    return [float(value) for value in values if -inf < value < inf and _fits(value)]


def summary(values: Iterable[float]) -> Summary:
    """n, mean, standard deviation of the sample and range.

    Both passes are exact sums (`math.fsum`, Shewchuk 1997), so equal values have an sd of 0 and their own mean.
    """
    given = list(values)
    found = numbers(given)
    left_out = len(given) - len(found)
    if not found:
        return Summary(0, None, None, None, None, left_out)
    n, least, most = len(found), min(found), max(found)
    # As deviations from one of them: no sum overflows that its values do not, and equal values have no rounding.
    mean = (
        least + fsum((value - least) / n for value in found) if isfinite(most - least) else fsum(v / n for v in found)
    )
    sd = hypot(*(value - mean for value in found)) / sqrt(n - 1) if n > 1 else None
    return Summary(n, mean, sd, least, most, left_out)


def _fits(value: float) -> bool:
    try:
        float(value)
    except OverflowError:
        return False
    return True
