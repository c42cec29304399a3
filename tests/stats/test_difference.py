"""Differences of means and what goes with them, held against scipy, and by simulation with a known truth."""

from __future__ import annotations

import math
import random
import sys

import pytest
from scipy import stats

from gitexp.errors import GitexpError
from gitexp.stats.difference import NoDifference, Noise, known_noise_t, paired_t, superiority, welch_t
from gitexp.stats.pairing import Measured, matched
from gitexp.stats.power import seeds_needed, smallest_effect
from gitexp.stats.resampling import NotCounted, bca_interval, paired_permutation_p, permutation_p
from gitexp.stats.several import holm

A = [0.81, 0.825, 0.80]
B = [0.83, 0.85, 0.845, 0.86]


def drawn(seed: int, n: int, *, mean: float = 0.0, sd: float = 1.0) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(mean, sd) for _ in range(n)]


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_welch_is_scipy_s(level: float) -> None:
    found = welch_t(A, B, level=level)
    known = stats.ttest_ind(B, A, equal_var=False)
    low, high = known.confidence_interval(level)
    assert found[1:] == pytest.approx((found.estimate, low, high, found.se, known.df, known.pvalue), rel=1e-9)
    assert found.estimate == pytest.approx(0.034583333333)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_paired_is_scipy_s(level: float) -> None:
    found = paired_t([*zip(A, B, strict=False)], level=level)
    known = stats.ttest_rel(B[:3], A)
    low, high = known.confidence_interval(level)
    assert (found.low, found.high, found.df, found.p) == pytest.approx((low, high, 2, known.pvalue), rel=1e-9)


def test_one_run_against_five_is_the_pooled_t() -> None:
    five = drawn(1, 5)
    found = known_noise_t(five, [2.5], Noise(stats.tstd(five), 5), level=0.95, method="pooled t")
    known = stats.ttest_ind([2.5], five)
    assert (found.p, found.df) == pytest.approx((known.pvalue, 4))


def test_values_without_noise_have_no_interval() -> None:
    with pytest.raises(NoDifference, match="each side's runs have one value"):
        welch_t([0.1] * 3, [0.3] * 3, level=0.95)
    with pytest.raises(NoDifference, match="every pair differs by the same"):
        paired_t([(0.1, 0.3), (0.2, 0.4), (0.3, 0.5)], level=0.95)  # but for rounding
    with pytest.raises(NoDifference, match="1 run of a side"):
        welch_t([0.1], [0.3, 0.4], level=0.95)
    with pytest.raises(NoDifference, match="1 pair"):
        paired_t([(0.1, 0.3)], level=0.95)
    with pytest.raises(NoDifference, match="the noise is not known"):
        known_noise_t([0.1], [0.3], Noise(0.0, 5), level=0.95, method="known noise")
    assert welch_t([0.1] * 3, [0.3, 0.4, 0.5], level=0.95).df == pytest.approx(2)  # one side shows it


def test_superiority_counts_a_tie_as_half() -> None:
    assert superiority([1, 2, 3], [2, 3, 4]) == (6 + 2 / 2) / 9
    u = stats.mannwhitneyu(B, A, method="exact").statistic
    assert superiority(A, B) == u / 12
    assert superiority([], [1.0]) is None


@pytest.mark.parametrize(("n", "sd_b"), [(3, 1.0), (5, 0.4), (30, 2.0)])
def test_the_smallest_effect_is_found_with_the_power_that_it_names(n: int, sd_b: float) -> None:
    found = welch_t(drawn(1, n), drawn(2, n, sd=sd_b), level=0.95)
    effect = smallest_effect(found, level=0.95)
    critical = stats.t.ppf(0.975, found.df)
    assert stats.nct.sf(critical, found.df, effect / found.se) == pytest.approx(0.8, abs=1e-6)


def test_so_many_seeds_find_an_effect_in_four_of_five_tries_and_one_fewer_does_not() -> None:
    n = seeds_needed(1.0, sds=(1.0, 1.0), level=0.95)
    assert n == 17  # Cohen (1988), table 2.4.1: d = 1, power 0.80
    critical = stats.t.ppf(0.975, 2 * 16), stats.t.ppf(0.975, 2 * 15)
    assert stats.nct.sf(critical[0], 32, math.sqrt(17 / 2)) >= 0.8 > stats.nct.sf(critical[1], 30, math.sqrt(16 / 2))
    assert seeds_needed(1.0, sds=(1.0,), level=0.95) == 10  # pairs: G*Power has 10 for dz = 1
    assert seeds_needed(1e-9, sds=(1.0, 1.0), level=0.95) is None
    assert seeds_needed(0.0, sds=(1.0, 1.0), level=0.95) is None
    rng = random.Random(3)
    shown = sum(
        welch_t([rng.gauss(0, 1) for _ in range(17)], [rng.gauss(1, 1) for _ in range(17)], level=0.95).p < 0.05
        for _ in range(1000)
    )
    assert 0.77 <= shown / 1000 <= 0.84


def test_permutations_are_scipy_s() -> None:
    for a, b in ((A, B), (drawn(1, 5), drawn(2, 5, mean=1)), ([1.0, 1.0, 2.0, 2.0], [1.0, 2.0, 3.0, 3.0])):
        known = stats.permutation_test(
            (b, a), lambda x, y, axis: abs(x.mean(axis) - y.mean(axis)), n_resamples=10**6, alternative="greater"
        )
        assert permutation_p(a, b, alpha=0.1) == pytest.approx(known.pvalue)
    pairs = [*zip(drawn(1, 6), drawn(2, 6, mean=1), strict=True)]
    known = stats.permutation_test(
        ([b - a for a, b in pairs],),
        lambda x, axis: abs(x.mean(axis)),
        permutation_type="samples",
        n_resamples=10**6,
        alternative="greater",
    )
    assert paired_permutation_p(pairs, alpha=0.05) == pytest.approx(known.pvalue)


def test_a_permutation_that_cannot_reach_alpha_is_not_counted() -> None:
    with pytest.raises(NotCounted, match=r"20 arrangements cannot give less than 0\.1"):
        permutation_p(A, B[:3], alpha=0.05)
    with pytest.raises(NotCounted, match=r"32 arrangements cannot give less than 0\.062"):
        paired_permutation_p([(0.0, 1.0)] * 5, alpha=0.05)
    with pytest.raises(NotCounted, match="more than 50,000"):
        permutation_p(drawn(1, 20), drawn(2, 20), alpha=0.05)


def test_a_bootstrap_interval_needs_ten_values_and_does_not_know_their_order() -> None:
    a, b = drawn(1, 10), drawn(2, 12, mean=1)
    with pytest.raises(NotCounted, match="fewer than 10"):
        bca_interval(a[:9], b, level=0.95)
    with pytest.raises(NotCounted, match="all the same"):
        bca_interval([1.0] * 10, b, level=0.95)
    found = bca_interval(a, b, level=0.95)
    assert found == bca_interval(a[::-1], b[::-1], level=0.95)
    welch = welch_t(a, b, level=0.95)
    assert found == pytest.approx((welch.low, welch.high), abs=0.25)


def test_holm_is_that_of_the_paper() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # R: p.adjust(…, "holm")
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_is_wrong_about_any_of_ten_metrics_as_often_as_it_says() -> None:
    rng = random.Random(5)
    wrong = sum(min(holm([rng.random() for _ in range(10)])) <= 0.05 for _ in range(4000))
    assert wrong / 4000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4000)


TRIES = 4000
ERROR = 3 * math.sqrt(0.05 * 0.95 / TRIES)  # of the share of misses, where 5 % is the truth


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("sd_b", [1.0, 3.0])
def test_the_intervals_of_welch_hold_the_truth_as_often_as_they_say(n: int, sd_b: float) -> None:
    rng = random.Random(n)
    held = 0
    for _ in range(TRIES):
        a, b = [rng.gauss(0, 1) for _ in range(n)], [rng.gauss(0.5, sd_b) for _ in range(n)]
        found = welch_t(a, b, level=0.95)
        held += found.low <= 0.5 <= found.high
    at_least = 0.94 if (n, sd_b) == (3, 3.0) else 0.95  # Welch's degrees of freedom are estimated
    assert held / TRIES >= at_least - ERROR


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_intervals_of_pairs_hold_the_truth_as_often_as_they_say(n: int) -> None:
    rng = random.Random(n)
    held = 0
    for _ in range(TRIES):
        seeds = [rng.gauss(0, 2) for _ in range(n)]  # which both sides share
        pairs = [(seed + rng.gauss(0, 1), seed + rng.gauss(0.5, 1)) for seed in seeds]
        found = paired_t(pairs, level=0.95)
        held += found.low <= 0.5 <= found.high
    assert abs(held / TRIES - 0.95) <= ERROR


def test_bootstrap_intervals_of_ten_are_nearly_what_they_say() -> None:
    rng = random.Random(1)
    held = 0
    for _ in range(500):
        low, high = bca_interval([rng.gauss(0, 1) for _ in range(10)], level=0.95, resamples=999)
        held += low <= 0 <= high
    assert 0.87 <= held / 500 <= 0.96  # why they stand beside the interval of t, and never for it


def test_equal_seeds_make_pairs() -> None:
    sides = matched([Measured(1, 0.1), Measured(2, 0.2)], [Measured(2, 0.4), Measured(1, 0.3)])
    assert sides.pairs == ((0.1, 0.3), (0.2, 0.4))
    assert sides.notes == ()


def test_seeds_that_match_in_part_are_paired_where_most_do_and_what_is_dropped_is_said() -> None:
    five = [Measured(seed, seed / 10) for seed in range(1, 6)]
    sides = matched(five, five[1:])
    assert sides.pairs is not None
    assert len(sides.pairs) == 4
    assert sides.notes == ("paired by seed; without a partner, and left out of the difference: seed 1 of A",)
    sides = matched(five[:3], five[1:4])
    assert (sides.pairs, sides.notes) == (None, ("2 seeds of 3 on both sides: not paired",))


def test_runs_of_one_seed_count_as_one() -> None:
    sides = matched([Measured(1, 0.1), Measured(1, 0.3), Measured(2, 0.5)], [Measured(None, 0.4), Measured(3, 0.6)])
    assert sides.a.values == (pytest.approx(0.2), 0.5)
    assert sides.notes == ("2 runs of A with the seed 1 count as one, by their mean",)
    sides = matched([Measured(0, 0.1), Measured(0, 0.3)], [Measured(0, 0.4), Measured(0, 0.6)])
    assert (sides.a.values, sides.pairs) == ((0.1, 0.3), None)
    assert sides.notes[0] == "every run of A has the seed 0: nothing is known of other seeds"


def test_a_run_without_a_number_is_left_out_aloud() -> None:
    sides = matched([Measured(1, math.nan), Measured(2, 0.2)], [Measured(2, math.inf), Measured(1, 0.3)])
    assert (sides.a.values, sides.a.left_out, sides.a.runs, sides.pairs) == ((0.2,), 1, 2, None)
    assert sides.notes == ("1 run of A without a number, left out", "1 run of B without a number, left out")


def test_without_scipy_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(GitexpError) as caught:
        welch_t(A, B, level=0.95)
    assert caught.value.fix == "pip install 'gitexp[stats]'"
