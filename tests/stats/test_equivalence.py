"""Two one-sided tests: the same as scipy's, and wrong as seldom as they promise."""

from __future__ import annotations

import random

import pytest

from gitexp.stats.equivalence import Apart, equivalence

stats = pytest.importorskip("scipy.stats")

A, B = [0.90, 0.92, 0.91, 0.93], [0.91, 0.94, 0.92]


def test_the_p_is_the_larger_of_scipys_two() -> None:
    found = equivalence(A, B, allowed=0.03)
    shifted = [[value + side * 0.03 for value in B] for side in (1, -1)]
    above = stats.ttest_ind(shifted[0], A, equal_var=False, alternative="greater").pvalue
    below = stats.ttest_ind(shifted[1], A, equal_var=False, alternative="less").pvalue
    assert found.p == pytest.approx(max(above, below), rel=1e-9)
    interval = stats.ttest_ind(B, A, equal_var=False).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_equivalent_is_an_interval_within_the_tolerance() -> None:
    for allowed in (0.005, 0.02, 0.025, 0.03, 0.05):
        found = equivalence(A, B, allowed=allowed)
        assert found.equivalent == (-allowed < found.low and found.high < allowed)


def test_without_noise_the_difference_decides() -> None:
    assert equivalence([1.0] * 3, [1.0] * 3, allowed=0.0) == Apart(0.0, 0.0, 0.0, 0.0, True, False)
    assert equivalence([1.0] * 3, [1.5] * 3, allowed=0.25) == Apart(0.5, 0.5, 0.5, 1.0, False, True)


def test_what_is_far_beyond_is_apart_and_many_metrics_make_that_harder() -> None:
    near = [1.0, 1.1, 0.9]
    assert equivalence(near, [value + 1 for value in near], allowed=0.1).apart
    some = [value + 0.4 for value in near]
    assert equivalence(near, some, allowed=0.1).apart
    assert not equivalence(near, some, allowed=0.1, family=40).apart


@pytest.mark.parametrize("runs", [3, 5, 10])
@pytest.mark.parametrize("spread", [(1.0, 1.0), (3.0, 1.0)])
def test_at_the_edge_of_the_tolerance_at_most_5_percent_are_called_equivalent(
    runs: int, spread: tuple[float, float]
) -> None:
    draw, tries, wrong = random.Random(19), 3000, 0
    for _ in range(tries):
        a, b = ([draw.gauss(mean, sd) for _ in range(runs)] for mean, sd in ((0.0, spread[0]), (4.0, spread[1])))
        wrong += equivalence(a, b, allowed=4.0).equivalent
    assert wrong / tries <= 0.05 + 2.6 * (0.05 * 0.95 / tries) ** 0.5
