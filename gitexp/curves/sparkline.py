"""A curve in a line of text: ▁▃▅█."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

BARS, PLAIN = "▁▂▃▄▅▆▇█", "_.-=+*%#"  # for encodings that have no bars


def sparkline(values: Sequence[float], width: int, *, bars: str = BARS) -> str:
    """The values from left to right, the mean of each stretch where there are more than `width`; no number is a blank.

    All equal: a line at half height. Empty where there is nothing to show.
    """
    count = min(width, len(values))
    stretches = [values[at * len(values) // count : (at + 1) * len(values) // count] for at in range(count)]
    known = [[value for value in stretch if isfinite(value)] for stretch in stretches]
    means = [sum(value / len(some) for value in some) if some else None for some in known]
    levels = [mean for mean in means if mean is not None]
    if not levels:
        return ""
    low, span = min(levels), max(levels) / 2 - min(levels) / 2  # halves: the span itself may be more than a float
    if span <= 0:
        return "".join(" " if mean is None else bars[len(bars) // 2 - 1] for mean in means)
    return "".join(" " if mean is None else bars[_height(mean / 2 - low / 2, span, len(bars))] for mean in means)


def _height(above: float, span: float, count: int) -> int:
    return min(int(above / span * count), count - 1)
