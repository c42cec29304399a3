"""Turn values into figures that take no distribution for granted: exact permutations of few, BCa intervals of many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import comb, isfinite
from typing import Any

from gitexp.stats.difference import ROUNDING
from gitexp.stats.required import scipy

FEWEST = 10  # values a side, of a bootstrap interval
RESAMPLES = 9999
MOST_ARRANGEMENTS = 50_000  # 9 against 9, or 15 pairs


class NotCounted(Exception):
    """There is no such figure; the text says why."""


def permutation_p(a: Sequence[float], b: Sequence[float], *, alpha: float) -> float:
    """The share of all divisions of the values into two such sides whose means differ as much, or more; two-sided.

    E. J. G. Pitman, J. R. Stat. Soc. Suppl. 4 (1937), 119-130. Raises NotCounted where even complete separation
    would not reach `alpha`, or there are too many to count them all.
    """
    if not a or not b:
        raise NotCounted("a side has no value")
    arrangements = comb(len(a) + len(b), len(b))
    _countable(arrangements, 2 if len(a) == len(b) else 1, alpha)
    values = [*a, *b]
    share = sum(values) * len(b) / len(values)
    sums = (sum(chosen) - share for chosen in combinations(values, len(b)))
    return _extreme(sums, sum(b) - share, arrangements, values)


def paired_permutation_p(pairs: Sequence[tuple[float, float]], *, alpha: float) -> float:
    """The same of pairs, each of which may be the other way round (R. A. Fisher, The Design of Experiments, 1935)."""
    arrangements = 1 << min(len(pairs), 60)
    _countable(arrangements, 2, alpha)
    sums = [0.0]
    for a, b in pairs:
        sums = [value for known in sums for value in (known + (b - a), known - (b - a))]
    return _extreme(sums, sum(b - a for a, b in pairs), arrangements, [value for pair in pairs for value in pair])


def _countable(arrangements: int, extremes: int, alpha: float) -> None:
    least = extremes / arrangements
    if least > alpha:
        raise NotCounted(f"{arrangements} arrangements cannot give less than {least:.2g}")
    if arrangements > MOST_ARRANGEMENTS:
        raise NotCounted(f"more than {MOST_ARRANGEMENTS:,} arrangements are not counted out")


def _extreme(sums: Iterable[float], seen: float, arrangements: int, values: Sequence[float]) -> float:
    enough = abs(seen) - ROUNDING * len(values) * max(map(abs, values))
    return sum(1 for value in sums if abs(value) >= enough) / arrangements


def bca_interval(*sides: Sequence[float], level: float, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap interval of a mean, or of the second mean minus the first.

    B. Efron, J. Am. Stat. Assoc. 82 (1987), 171-185, by scipy.stats.bootstrap; the same values give the same interval,
    in any order. Raises NotCounted below ten values: bootstrap intervals of few values are too narrow.
    """
    if min(map(len, sides)) < FEWEST:
        raise NotCounted(f"fewer than {FEWEST} values")
    if any(max(side) - min(side) <= ROUNDING * max(map(abs, side)) for side in sides):
        raise NotCounted("the values are all the same")
    found = (
        scipy("stats")
        .bootstrap(
            [sorted(side) for side in sides],
            _mean if len(sides) == 1 else _mean_difference,
            vectorized=True,
            method="BCa",
            confidence_level=level,
            n_resamples=resamples,
            batch=max(1, 2_000_000 // sum(map(len, sides))),  # numbers in memory at a time
            random_state=0,
        )
        .confidence_interval
    )
    low, high = float(found.low), float(found.high)
    if not (isfinite(low) and isfinite(high)):
        raise NotCounted("the bootstrap has no answer for these values")
    return low, high


def _mean(values: Any, axis: int) -> Any:
    return values.mean(axis=axis)


def _mean_difference(a: Any, b: Any, axis: int) -> Any:
    return b.mean(axis=axis) - a.mean(axis=axis)
