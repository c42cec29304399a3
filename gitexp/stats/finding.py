"""Turn the runs of two sides into all that can be said of one metric, and into the one sentence that it carries."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import NamedTuple

from gitexp.errors import counted
from gitexp.stats.difference import Difference, NoDifference, Noise, known_noise_t, paired_t, superiority, welch_t
from gitexp.stats.examples import two_level_t
from gitexp.stats.pairing import NAMES, Measured, Sides, matched
from gitexp.stats.power import MOST_SEEDS, seeds_needed, smallest_effect
from gitexp.stats.resampling import NotCounted, bca_interval, paired_permutation_p, permutation_p
from gitexp.stats.summary import Summary, summary

LEVEL = 0.95


class Finding(NamedTuple):
    """One metric of two sides. Differences are B - A; None: not known, and `why` or `no_permutation` says why."""

    a: Summary
    b: Summary
    level: float
    difference: Difference | None
    why: str  # there is no difference with an interval
    superiority: float | None  # P(B > A), ties as half
    smallest: float | None  # the true difference that so many runs would have shown, with a power of 0.8
    needed: int | None  # runs a side that would show the difference seen; None: more than 10,000, or there is none
    permutation_p: float | None
    no_permutation: str
    bca: tuple[float, float] | None  # from ten values a side
    notes: tuple[str, ...]  # what was dropped or taken for granted
    examples: int = 0  # of the test set, whose own noise is in `difference`, or in `models`
    models: Difference | None = None  # of 1 run each: of these two models on other examples; no noise of training

    @property
    def n(self) -> tuple[int, int]:
        """How many numbers either side has."""
        return self.a.n, self.b.n


def find(
    a: Sequence[Measured],
    b: Sequence[Measured],
    *,
    level: float = LEVEL,
    noise: Noise | None = None,
) -> Finding:
    """Compare two sides. `noise`: what runs of a baseline vary by, for sides of one run. Raises GitexpError (scipy)."""
    sides = matched(a, b)
    notes = list(sides.notes)
    difference, why = None, ""
    try:
        difference = _difference(sides, notes, level=level, noise=noise)
    except NoDifference as reason:
        why = str(reason)
    old, new = (sides.a.values, sides.b.values)
    one_each, rows = len(old) == len(new) == 1, bool(sides.a.rows and sides.b.rows)
    models = _of_models(sides, level) if one_each and rows and difference is None else None
    both = rows and min(len(old), len(new)) > 1
    if rows and difference and not both:
        notes.append("values by example are not in the interval: that takes two runs of each side")
    p, no_permutation, bca = _resampled(sides, level) if difference and not both else (None, "", None)
    no_permutation = "the interval is of examples, too" if difference and both else no_permutation
    return Finding(
        a=summary(run.value for run in a),
        b=summary(run.value for run in b),
        level=level,
        difference=difference,
        why=why,
        superiority=superiority(old, new) if min(len(old), len(new)) > 1 else None,
        smallest=smallest_effect(difference, level=level) if difference else None,
        needed=seeds_needed(difference.estimate, sds=_sds(sides, noise), level=level)
        if difference and not both  # more seeds are not more examples
        else None,
        permutation_p=p,
        no_permutation=no_permutation,
        bca=bca,
        notes=tuple(notes),
        examples=len(sides.a.rows[0]) if (difference and both) or models else 0,
        models=models,
    )


def _difference(sides: Sides, notes: list[str], *, level: float, noise: Noise | None) -> Difference:
    old, new = sides.a.values, sides.b.values
    for values, name in zip((old, new), NAMES, strict=True):
        if not values:
            raise NoDifference(f"{name} has no number")
    if sides.a.rows and sides.b.rows and min(len(old), len(new)) > 1:
        return two_level_t(sides.a.rows, sides.b.rows, level=level)
    if sides.pairs is not None:
        return paired_t(sides.pairs, level=level)
    if min(len(old), len(new)) > 1:
        return welch_t(old, new, level=level)
    if noise is not None:
        notes.append(f"the noise is that of {counted(noise.n, 'run')} of a baseline")
        return known_noise_t(old, new, noise, level=level, method="known noise")
    if len(old) == len(new):
        raise NoDifference("1 run each")
    many, one = (NAMES, NAMES[::-1])[len(new) > 1]
    found = summary(old if len(old) > 1 else new)
    notes.append(f"the noise of {one}'s 1 run is taken to be that of {many}'s {found.n}")
    return known_noise_t(old, new, Noise(found.sd or 0.0, found.n), level=level, method="pooled t")


def _of_models(sides: Sides, level: float) -> Difference | None:
    """Of one run each: the mean of the differences by example. None: too few examples, or all differ by the same."""
    try:
        pairs = tuple(zip(sides.a.rows[0], sides.b.rows[0], strict=True))
        return paired_t(pairs, level=level)._replace(method="paired t of examples")
    except NoDifference:
        return None


def _sds(sides: Sides, noise: Noise | None) -> tuple[float, ...]:
    if sides.pairs is not None:
        return (summary(b - a for a, b in sides.pairs).sd or 0.0,)
    known = [found for side in (sides.a, sides.b) if (found := summary(side.values).sd) is not None]
    if len(known) == 2:
        return known[0], known[1]
    sd = noise.sd if noise is not None else known[0]
    return sd, sd


def _resampled(sides: Sides, level: float) -> tuple[float | None, str, tuple[float, float] | None]:
    old, new, pairs = sides.a.values, sides.b.values, sides.pairs
    p, why, bca = None, "", None
    try:
        p = permutation_p(old, new, alpha=1 - level) if pairs is None else paired_permutation_p(pairs, alpha=1 - level)
    except NotCounted as reason:
        why = str(reason)
    try:
        both = (old, new) if pairs is None else ([b - a for a, b in pairs],)
        bca = bca_interval(*both, level=level)
    except NotCounted:
        pass
    return p, why, bca


def claim(found: Finding, *, goal: str | None, p: float | None = None) -> str:
    """`better`, `worse`, without a goal `higher`, `lower`; empty where nothing is claimed of B.

    `goal`: max, min or None. `p`: the difference's, adjusted for other metrics; the interval alone decides without it.
    """
    one = found.difference
    if one is None or one.low <= 0 <= one.high or (p is not None and p > 1 - found.level):
        return ""
    if goal is None:
        return "higher" if one.estimate > 0 else "lower"
    return "better" if (one.estimate > 0) == (goal == "max") else "worse"


def sentence(
    found: Finding,
    *,
    goal: str | None,
    share: bool = False,
    p: float | None = None,
    metrics: int = 1,
) -> str:
    """What the figures carry, and no more: `B is better by 0.83 ± 0.27 points`, or `no claim: ` and why.

    `share`: the values are shares of one, told in points. `metrics`: how many `p` allows for.
    """
    said = claim(found, goal=goal, p=p)
    one, (n_a, n_b) = found.difference, found.n
    missing = found.a.left_out + found.b.left_out
    without = f"; {counted(missing, 'run')} without a number left out" if missing else ""
    if one is None:
        text = f"no claim: {found.why}{without}"
        if (alone := found.models) is not None:
            by = amount(alone.estimate, share=share, spread=alone.half)
            text += f"; of these two models alone, on {found.examples:,} examples, B - A is {by}"
            text += " (the noise of training is not in it)"
        return text
    if said:
        same_n = f"{counted(n_a, 'run')} each" if n_a == n_b else f"{n_a} and {n_b} runs"
        by = amount(abs(one.estimate), share=share, spread=one.half)
        on = f", {found.examples:,} examples" if found.examples else ""
        return f"B is {said} by {by} ({same_n}{on}{without})"
    if not one.low <= 0 <= one.high:
        return f"no claim: alone it would be one, but among {metrics} metrics its p is {p:.2g} (Holm){without}"
    text = f"no claim: the interval {between(one.low, one.high, share=share)} holds zero"
    if found.smallest is not None:
        a_side = f"{counted(n_a, 'run')} a side" if n_a == n_b else f"{n_a} and {n_b} runs"
        a_side += f" on {found.examples:,} examples" if found.examples else ""
        text += f"; {a_side} could have shown {amount(found.smallest, share=share)}"
    if found.needed is not None:
        text += f", about {found.needed:,} a side would show this one"
    elif one.estimate and not found.examples:
        text += f", more than {MOST_SEEDS:,} a side would show this one"
    return text + without


def amount(value: float, *, share: bool, spread: float | None = None) -> str:
    """A difference in points or as it is, as exact as its spread or two digits: `0.83 ± 0.27 points`, `1.9 points`."""
    scale, unit = (100, " points") if share else (1, "")
    places = _places(scale * (value if spread is None else spread))
    text = _fixed(scale * value, places)
    return text + ("" if spread is None else f" ± {_fixed(scale * spread, places)}") + unit


def between(low: float, high: float, *, share: bool) -> str:
    """An interval: `-0.21 to 1.40 points`."""
    scale, unit = (100, " points") if share else (1, "")
    places = _places(scale * (high - low) / 2)
    return f"{_fixed(scale * low, places)} to {_fixed(scale * high, places)}{unit}"


def _places(value: float) -> int:
    """Decimals that show two digits of a value."""
    size = float(f"{abs(value):.12g}")  # 9.999999999999998 is 10, of which floating point lost a bit
    return 1 - floor(log10(size)) if size and size < float("inf") else 0


def _fixed(value: float, places: int) -> str:
    """A number with so many decimals; very small and very large ones as powers of ten."""
    if not -6 <= places <= 6:
        return f"{value:.3g}"
    return f"{round(value, places) + 0.0:.{max(places, 0)}f}"
