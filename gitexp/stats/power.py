"""Turn the noise that was seen into what so many runs can show, and how many it takes to show a difference.

J. Cohen, Statistical Power Analysis (2nd ed. 1988), ch. 2; the noncentral t distribution is scipy's. The noise is what
these runs had, which is itself uncertain: with three runs the true sd may well be half or twice of it.
"""

from __future__ import annotations

from math import sqrt

from gitexp.stats.difference import Difference
from gitexp.stats.required import scipy

POWER = 0.8
MOST_SEEDS = 10_000


def smallest_effect(found: Difference, *, level: float) -> float:
    """The true difference that runs like these would have shown with a power of 0.8, at the level of the interval.

    The minimum detectable effect of H. S. Bloom, Evaluation Review 19 (1995), 547-556: it asks what the design can
    do, and not what it found.
    """
    special = scipy("special")
    return float(special.nctdtrinc(found.df, 1 - POWER, special.stdtrit(found.df, (1 + level) / 2))) * found.se


def seeds_needed(effect: float, *, sds: tuple[float, ...], level: float) -> int | None:
    """How many runs a side (or pairs, with one `sds`, that of the differences) show this true difference.

    With two `sds`, Welch's degrees of freedom. None: more than MOST_SEEDS, or nothing is asked for.
    """
    variance = sum(sd * sd for sd in sds)
    if not effect or not variance:
        return None
    each = sum((sd * sd / variance) ** 2 for sd in sds)  # Satterthwaite's df for n a side is (n - 1) / each
    special = scipy("special")

    def shown(n: int) -> bool:
        df = (n - 1) / each
        least = special.nctdtrinc(df, 1 - POWER, special.stdtrit(df, (1 + level) / 2))
        return bool(abs(effect) / sqrt(variance) * sqrt(n) >= least)

    if not shown(MOST_SEEDS):
        return None
    low, high = 1, MOST_SEEDS  # one run shows nothing
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high
