"""Turn the values of A, of B and of mixtures of both into what each factor moved, and the one sentence that they carry.

A cell is the set of factors that are as in B: none is A, all are B. One noise is taken for all cells: what is left in
their values beside cells and seeds where every cell has the same seeds, else what varies within cells. A cause is named
where a factor moves the metric both alone on A and when taken away from B (the larger p of the two, Holm over factors).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import fsum, inf, sqrt
from typing import NamedTuple

from gitexp.errors import counted
from gitexp.stats.difference import ROUNDING, Difference, Noise, by_t
from gitexp.stats.finding import LEVEL, amount
from gitexp.stats.pairing import Measured, side_of
from gitexp.stats.several import holm
from gitexp.stats.summary import Summary, summary

NAMED = 2  # factors of which a sentence without a claim tells the difference
EXACT = 5  # degrees of freedom with nothing left in them, from which on there is no noise
ROUNDED = 1e-9  # of an effect: two that differ by less are one

Cell = frozenset[int]  # which factors are B's, by number
Contrast = Mapping[Cell, int]  # the weight of each cell


class Effect(NamedTuple):
    """A difference of cells. `estimate` None: one of them has no number. `noise` None: nothing is known of it."""

    estimate: float | None
    noise: Difference | None = None

    @property
    def p(self) -> float:
        """1 where nothing is known."""
        return 1.0 if self.noise is None else self.noise.p


class FactorEffect(NamedTuple):
    """What a factor does to A, and what goes when it is taken away from B."""

    name: str
    alone: Effect
    taken: Effect


class Attribution(NamedTuple):
    """`how`: moved, together, either (by these `causes`), noise, unclear, none (no noise is known; `why` says why)."""

    total: Effect
    factors: tuple[FactorEffect, ...]
    interaction: Effect  # what is in the total and in no factor alone
    cells: Mapping[Cell, Summary]
    noise: Noise | None  # sd of one run, and degrees of freedom + 1
    level: float
    how: str
    causes: tuple[int, ...]
    why: str
    notes: tuple[str, ...]

    @property
    def missing(self) -> int:
        """Cells without a number."""
        return sum(cell.mean is None for cell in self.cells.values())


def cells_of(count: int) -> tuple[Cell, ...]:
    """A, B, each factor on A, and B without each: 2 + 2k of them, for k = 2 four and for k = 1 two."""
    whole = range(count)
    singles, others = [frozenset({i}) for i in whole], [frozenset(whole) - {i} for i in whole]
    return tuple(dict.fromkeys([frozenset[int](), frozenset(whole), *singles, *others]))


def attribute(names: Sequence[str], runs: Mapping[Cell, Sequence[Measured]]) -> Attribution:
    """`runs`: of each cell; none of one that failed. Raises GitexpError (scipy)."""
    notes: list[str] = []
    single = {cell: once(runs.get(cell, ())) for cell in cells_of(len(names))}
    sides = {cell: side_of(those, words_of(cell, names), notes) for cell, those in single.items()}
    for cell, those in single.items():
        if len(those) < len(runs.get(cell, ())):
            notes.append(
                f"{len(runs[cell])} runs of {words_of(cell, names)} have one seed and one value: they count as one"
            )
    values = {cell: side.values for cell, side in sides.items()}
    seeds = {cell: side.seeds for cell, side in sides.items()}
    noise, blocked, why = _noise(values, seeds)
    exact = noise is not None and noise.sd == 0

    def effect(contrast: Contrast) -> Effect:
        if not all(values[cell] for cell, weight in contrast.items() if weight):
            return Effect(None)
        means = {cell: (summary(values[cell]).mean or 0.0) for cell in contrast}
        estimate = fsum(weight * means[cell] for cell, weight in contrast.items())
        size = max((abs(mean) for mean in means.values()), default=0.0)
        estimate = 0.0 if abs(estimate) <= ROUNDING * size else estimate
        if noise is None:
            return Effect(estimate)
        if exact:
            return Effect(estimate, Difference("no noise", estimate, estimate, estimate, 0.0, inf, float(not estimate)))
        se = noise.sd * sqrt(fsum(weight * weight / len(values[cell]) for cell, weight in contrast.items()))
        return Effect(estimate, by_t("blocked t" if blocked else "pooled t", estimate, se, noise.n - 1, level=LEVEL))

    a, b = frozenset[int](), frozenset(range(len(names)))
    alone = [frozenset({i}) for i in range(len(names))]
    factors = tuple(
        FactorEffect(name, effect({cell: 1, a: -1}), effect({b: 1, b - cell: -1}))
        for name, cell in zip(names, alone, strict=True)
    )
    several = len(names) > 1
    interaction = effect(_sum({b: 1, a: -1}, *({cell: -1, a: 1} for cell in alone))) if several else Effect(0.0)
    found = Attribution(
        total=effect({b: 1, a: -1}),
        factors=factors,
        interaction=interaction,
        cells={cell: summary(run.value for run in runs.get(cell, ())) for cell in values},
        noise=noise,
        level=LEVEL,
        how="none",
        causes=(),
        why=why,
        notes=tuple(notes),
    )
    return _judged(found, effect)


def once(runs: Sequence[Measured]) -> Sequence[Measured]:
    """One of them where all are of one seed and came to the same: a program that repeats itself shows no noise."""
    same = len({(run.seed, run.value) for run in runs}) == 1 and runs[0].seed is not None
    return runs[:1] if same else runs


def words_of(cell: Cell, names: Sequence[str]) -> str:
    """`A`, `A with B's code`, `B with A's code and seed`: by that of which it has more."""
    others = [name for i, name in enumerate(names) if i not in cell]
    if not cell or not others:
        return "B" if cell else "A"
    if 2 * len(cell) > len(names):
        return f"B with A's {listed(others)}"
    return f"A with B's {listed([names[i] for i in sorted(cell)])}"


def _sum(*contrasts: Contrast) -> Contrast:
    found: dict[Cell, int] = {}
    for contrast in contrasts:
        for cell, weight in contrast.items():
            found[cell] = found.get(cell, 0) + weight
    return found


def _noise(
    values: Mapping[Cell, Sequence[float]], seeds: Mapping[Cell, Sequence[int | None]]
) -> tuple[Noise | None, bool, str]:
    """The noise of one run, whether the seeds are taken out of it, and why there is none."""
    known = {cell: those for cell, those in values.items() if those}
    same = [frozenset(seeds[cell]) for cell in known]
    blocked = len(known) > 1 and len(same[0]) > 1 and None not in same[0] and all(x == y for x, y in pairwise(same))
    means = {cell: summary(those).mean or 0.0 for cell, those in known.items()}
    residuals = {
        (cell, seed, at): value - means[cell]
        for cell, those in known.items()
        for at, (value, seed) in enumerate(zip(those, seeds[cell], strict=True))
    }
    df = sum(len(those) - 1 for those in known.values())
    if not df:
        return None, False, "one run of each shows no noise"
    largest = max(abs(value) for those in known.values() for value in those)
    if max(map(abs, residuals.values())) <= ROUNDING * largest:
        if df >= EXACT and min(map(len, known.values())) > 1:
            return Noise(0.0, df + 1), False, ""
        return None, False, "so few replicates, each equal to its like, show no noise"
    if blocked:  # R. A. Fisher, The Design of Experiments, ch. 4: cells as treatments, seeds as blocks
        shift: dict[int | None, float] = {}
        for (_, seed, _), residual in residuals.items():
            shift[seed] = shift.get(seed, 0.0) + residual / len(known)
        residuals = {at: residual - shift[at[1]] for at, residual in residuals.items()}
        df = (len(known) - 1) * (len(same[0]) - 1)
        if max(map(abs, residuals.values())) <= ROUNDING * largest:
            few = "so few seeds, which do the same to every cell, show no noise"
            return (Noise(0.0, df + 1), True, "") if df >= EXACT else (None, True, few)
    return Noise(sqrt(fsum(r * r for r in residuals.values()) / df), df + 1), blocked, ""


def _judged(found: Attribution, effect: Callable[[Contrast], Effect]) -> Attribution:
    """What the figures carry."""
    alpha = 1 - found.level
    if found.total.estimate is None:
        return found._replace(why="A or B has no number")
    if found.total.noise is None:
        return found
    moved = found.total.p <= alpha
    causes = _causes(found.factors, alpha)
    if causes:
        return found._replace(how="moved", causes=causes)
    if not moved:
        return found._replace(how="noise")
    whole, a = frozenset(range(len(found.factors))), frozenset[int]()
    needed, enough = (
        _significant(those, alpha)
        for those in ([one.taken for one in found.factors], [one.alone for one in found.factors])
    )
    if not {*needed} & {*enough}:
        # What is left of the total when one of them is missing; what is lacking of it when one stands alone.
        for those, how, left in (
            (needed, "together", [effect({whole - {i}: 1, a: -1}) for i in needed]),
            (enough, "either", [effect({whole: 1, frozenset({i}): -1}) for i in enough]),
        ):
            beside = effect(_sum({whole: 1, a: -1}, *({frozenset({i}): -1, a: 1} for i in those)))
            if len(those) > 1 and beside.p <= alpha and all(one.p > alpha / len(those) for one in left):
                return found._replace(how=how, causes=those)
    return found._replace(how="unclear")


def _causes(factors: Sequence[FactorEffect], alpha: float) -> tuple[int, ...]:
    """Those that move the metric the same way alone and within B: an intersection-union test each."""
    ps = []
    for one in factors:
        same_way = (one.alone.estimate or 0.0) * (one.taken.estimate or 0.0) > 0
        ps.append(max(one.alone.p, one.taken.p) if same_way else 1.0)
    return tuple(i for i, p in enumerate(holm(ps)) if p <= alpha)


def _significant(effects: Sequence[Effect], alpha: float) -> tuple[int, ...]:
    return tuple(i for i, p in enumerate(holm([one.p for one in effects])) if p <= alpha)


def sentence(found: Attribution, metric: str, *, share: bool) -> str:
    """The one sentence: `optimizer.lr moved val.acc by -2.8 ± 0.3 points of -2.9`. `share`: told in points."""
    names = [one.name for one in found.factors]

    def told(effect: Effect) -> str:
        spread = effect.noise.half if effect.noise and effect.noise.half else None
        return amount(effect.estimate or 0.0, share=share, spread=spread)

    total = told(found.total)
    those = [names[i] for i in found.causes]
    if found.how == "none":
        text = f"no claim: {found.why}"
        shown = [one for one in found.factors if one.alone.estimate] if found.total.estimate else []
        shown.sort(key=lambda one: -abs(one.alone.estimate or 0.0))
        if shown:
            most = listed([f"{one.name} by {told(one.alone)}" for one in shown[:NAMED]])
            text += f"; in these runs {metric} is changed by {total}, and alone on A {most}"
    elif found.how == "noise":
        text = f"within noise: {metric} differs by {total}"
        alone = _significant([one.alone for one in found.factors], (1 - found.level) / 2)
        if alone:
            moved = listed([f"{names[i]} by {told(found.factors[i].alone)}" for i in alone])
            text += f"; alone on A it is moved by {moved}, and in B that is made up for"
    elif found.how == "together":
        text = f"{listed(those)} only together moved {metric} by {total}"
    elif found.how == "either":
        text = f"each of {listed(those)} alone moves {metric} by as much as all of B, {total}"
    elif found.how == "unclear":
        text = f"no claim: {metric} differs by {total}, and so many runs do not show which factor moved it"
    elif len(names) == 1:
        text = f"{those[0]} moved {metric} by {total}"
    else:
        words = [f"{names[i]}{'' if at else f' moved {metric}'} by" for at, i in enumerate(found.causes)]
        by = [f"{word} {_twice(found.factors[i], told)}" for i, word in zip(found.causes, words, strict=True)]
        within = found.total.p > 1 - found.level
        text = listed(by).removesuffix(",") + (
            f", though in all it is within noise ({total})" if within else f", of {total}"
        )
    return text + (f"; {counted(found.missing, 'cell')} without a number" if found.missing else "")


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _twice(one: FactorEffect, told: Callable[[Effect], str]) -> str:
    """Its effect alone, and within B where that is another by more than the noise of both."""
    x, y = one.alone, one.taken
    text = told(x)
    apart = max(x.noise.low - y.noise.high, y.noise.low - x.noise.high) if x.noise and y.noise else 0.0
    if apart > ROUNDED * abs(x.estimate or 0.0):
        text += f" alone and {told(y)} within B,"
    return text
