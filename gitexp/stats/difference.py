"""Turn the values of two sides into the difference of their means, B - A, with its interval: by Student's t.

Which of the three is used follows from the design alone, never from what the values turn out to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, inf, sqrt
from typing import NamedTuple

from gitexp.stats.required import scipy
from gitexp.stats.summary import summary

ROUNDING = 1e-12  # of the values' size: what differs by less differs by floating point


class Noise(NamedTuple):
    """What runs of a baseline varied by: the standard deviation of `n` of them."""

    sd: float
    n: int


class Difference(NamedTuple):
    """B - A, and what it may be at the level that was asked for."""

    method: str  # paired t, Welch's t, pooled t, known noise
    estimate: float
    low: float
    high: float
    se: float  # standard error
    df: float  # degrees of freedom
    p: float  # of a difference this large, where there is none; two-sided

    @property
    def half(self) -> float:
        """What stands behind ±."""
        return (self.high - self.low) / 2


class NoDifference(Exception):
    """The values carry no interval; the text says why."""


def paired_t(pairs: Sequence[tuple[float, float]], *, level: float) -> Difference:
    """The mean of the differences within pairs (Student 1908; scipy.stats.ttest_rel is the same)."""
    if len(pairs) < 2:
        raise NoDifference("1 pair")
    found = summary([b - a for a, b in pairs])
    mean, sd = found.mean or 0.0, found.sd or 0.0
    if sd <= ROUNDING * max(abs(value) for pair in pairs for value in pair):
        raise NoDifference("every pair differs by the same: the seeds show no noise")
    return by_t("paired t", mean, sd / sqrt(found.n), found.n - 1, level=level)


def welch_t(a: Sequence[float], b: Sequence[float], *, level: float) -> Difference:
    """The difference of two means, without taking their variances for equal.

    B. L. Welch, Biometrika 34 (1947), 28-35, with Satterthwaite's degrees of freedom; scipy.stats.ttest_ind with
    equal_var=False is the same.
    """
    old, new = summary(a), summary(b)
    if old.sd is None or new.sd is None:
        raise NoDifference("1 run of a side")
    variances = old.sd * old.sd / old.n, new.sd * new.sd / new.n
    if hypot(old.sd, new.sd) <= ROUNDING * max(map(abs, (*a, *b))):
        raise NoDifference("each side's runs have one value: they show no noise")
    df = satterthwaite(variances, (old.n - 1, new.n - 1))
    return by_t("Welch's t", (new.mean or 0.0) - (old.mean or 0.0), sqrt(sum(variances)), df, level=level)


def known_noise_t(a: Sequence[float], b: Sequence[float], noise: Noise, *, level: float, method: str) -> Difference:
    """The difference of two means by a noise that other runs have shown, taken to be that of both sides.

    The pooled t of a group's sd with all its degrees of freedom (G. W. Snedecor, W. G. Cochran, Statistical Methods,
    ch. 6); for one run against n it is the usual prediction interval of the next run.
    """
    if not (0 < noise.sd < inf and noise.n > 1):
        raise NoDifference("the noise is not known")
    old, new = summary(a), summary(b)
    se = noise.sd * sqrt(1 / old.n + 1 / new.n)
    return by_t(method, (new.mean or 0.0) - (old.mean or 0.0), se, noise.n - 1, level=level)


def satterthwaite(variances: Sequence[float], dfs: Sequence[float]) -> float:
    """The degrees of freedom of a sum of estimated variances (F. E. Satterthwaite, Biometrics Bulletin 2 (1946))."""
    largest = max(variances)
    shares = [variance / largest for variance in variances]  # so that no square is lost below or above what floats hold
    return sum(shares) ** 2 / sum(share * share / df for share, df in zip(shares, dfs, strict=True))


def by_t(method: str, estimate: float, se: float, df: float, *, level: float) -> Difference:
    """A difference with its interval and p, by Student's t of so many degrees of freedom."""
    special = scipy("special")
    half = float(special.stdtrit(df, (1 + level) / 2)) * se
    p = 2 * float(special.stdtr(df, -abs(estimate) / se))
    return Difference(method, estimate, estimate - half, estimate + half, se, df, p)


def superiority(a: Sequence[float], b: Sequence[float]) -> float | None:
    """How often a run of B has the larger value, of all pairs of a run of A and one of B; a tie counts as half.

    Mann and Whitney's U divided by the number of pairs; A. Vargha, H. D. Delaney, J. Educ. Behav. Stat. 25 (2000),
    101-132. None: a side is empty.
    """
    if not a or not b:
        return None
    from bisect import bisect_left, bisect_right

    ordered = sorted(a)
    twice = sum(bisect_left(ordered, value) + bisect_right(ordered, value) for value in b)
    return twice / (2 * len(a) * len(b))
