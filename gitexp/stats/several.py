"""Turn the p of several metrics into p that allow for there being several."""

from __future__ import annotations

from collections.abc import Sequence


def holm(ps: Sequence[float]) -> list[float]:
    """Each p, adjusted so that all below α together are wrong with a probability of at most α, however they depend.

    S. Holm, Scand. J. Stat. 6 (1979), 65-70.
    """
    order = sorted(range(len(ps)), key=lambda at: ps[at])
    adjusted, least = [0.0] * len(ps), 0.0
    for rank, at in enumerate(order):
        least = max(least, min(1.0, (len(ps) - rank) * ps[at]))
        adjusted[at] = least
    return adjusted
