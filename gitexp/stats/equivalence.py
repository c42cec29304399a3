"""Turn the values of two sides and how far apart they may be into: equivalent, apart, or the data cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gitexp.stats.difference import NoDifference, welch_t
from gitexp.stats.required import scipy
from gitexp.stats.summary import summary

ALPHA = 0.05  # how often what lies at the edge of the tolerance is taken for equivalent
FEWEST = 3  # independent values of each side


class Apart(NamedTuple):
    """B - A, its 90 % interval, and what follows from it."""

    difference: float
    low: float
    high: float
    p: float  # the larger of the two one-sided
    equivalent: bool
    apart: bool  # it is known to be beyond the tolerance


def equivalence(a: Sequence[float], b: Sequence[float], *, allowed: float, family: int = 1) -> Apart:
    """Two one-sided t tests without equal variances (D. J. Schuirmann, J. Pharmacokin. Biopharm. 15 (1987), 657-680).

    Several metrics are equivalent where each is, at `ALPHA` each (R. L. Berger, Technometrics 24 (1982), 295-300: the
    strictest decides, and needs no correction). That any of `family` metrics is apart is said at ALPHA / family.
    Without any noise the difference is taken as it is. Raises GitexpError without scipy.
    """
    try:
        found = welch_t(a, b, level=1 - 2 * ALPHA)
    except NoDifference:
        apart = (summary(b).mean or 0.0) - (summary(a).mean or 0.0)
        within = abs(apart) <= allowed
        return Apart(apart, apart, apart, 0.0 if within else 1.0, within, not within)
    special = scipy("special")
    below, above = (float(special.stdtr(found.df, (side * found.estimate - allowed) / found.se)) for side in (1, -1))
    beyond = float(special.stdtr(found.df, -(abs(found.estimate) - allowed) / found.se))
    p = max(below, above)
    return Apart(found.estimate, found.low, found.high, p, p < ALPHA, beyond < ALPHA / family)
