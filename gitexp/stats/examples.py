"""Turn the results of runs by example into a difference whose interval holds for other seeds and for other examples."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, sqrt

from gitexp.stats.difference import ROUNDING, Difference, NoDifference, by_t

Results = Sequence[Sequence[float]]  # a row for each run, a column for each example, the same ones in all runs


def two_level_t(a: Results, b: Results, *, level: float) -> Difference:
    """B - A of the mean result, with seeds and examples both drawn at random.

    The variance of a mean over two crossed factors is V(seeds) + V(examples) - V(both), each from its mean square; the
    examples are the same for A and B, so theirs is of the differences. The degrees of freedom are F. E. Satterthwaite's
    (Biometrics Bulletin 2, 1946). It is what radiology does with readers and cases: S. L. Hillis, Statistics in
    Medicine 26 (2007), 596-619; of the examples alone, E. Miller, Adding Error Bars to Evals (arXiv 2411.00640).

    Raises NoDifference with fewer than two runs of a side or two examples, or where the examples are not the same: of
    a metric that is no mean over examples (F1, AUC) it knows nothing.
    """
    lengths = {len(row) for row in (*a, *b)}
    if len(lengths) != 1:
        raise NoDifference("the runs have no results, or not of the same examples")
    examples = lengths.pop()
    if min(len(a), len(b)) < 2 or examples < 2:
        raise NoDifference("two levels of noise need two runs of a side, and two examples")
    columns = [[fsum(column) / len(side) for column in zip(*side, strict=True)] for side in (a, b)]
    differences = [new - old for old, new in zip(*columns, strict=True)]
    of_seeds = [_variance([fsum(row) / examples for row in side]) / len(side) for side in (a, b)]
    of_examples = _variance(differences) / examples
    both = fsum(_interaction(side, means) / (len(side) * examples) for side, means in zip((a, b), columns, strict=True))
    variance = max(sum(of_seeds) + of_examples - both, sum(of_seeds), of_examples)
    if sqrt(variance) <= ROUNDING * max(abs(value) for row in (*a, *b) for value in row):
        raise NoDifference("neither seeds nor examples show any noise")
    freedom = zip((*of_seeds, of_examples), (len(a) - 1, len(b) - 1, examples - 1), strict=True)
    df = variance**2 / sum(part**2 / of for part, of in freedom)
    return by_t("two-level t", fsum(differences) / examples, sqrt(variance), df, level=level)


def _variance(values: Sequence[float]) -> float:
    mean = fsum(values) / len(values)
    return fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _interaction(side: Results, means: Sequence[float]) -> float:
    """The mean square of what neither the run nor the example says by itself."""
    whole = fsum(means) / len(means)
    squares = []
    for row in side:
        of_run = fsum(row) / len(row)
        squares.append(fsum((value - of_run - mean + whole) ** 2 for value, mean in zip(row, means, strict=True)))
    return fsum(squares) / ((len(side) - 1) * (len(means) - 1))
