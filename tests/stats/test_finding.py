"""What two sides carry, and the sentence that says it."""

from __future__ import annotations

import math
import random

import pytest

from gitexp.stats.difference import Noise
from gitexp.stats.finding import Finding, amount, between, claim, find, sentence
from gitexp.stats.pairing import Measured


def runs(*values: float, first_seed: int = 1) -> list[Measured]:
    return [Measured(first_seed + at, value) for at, value in enumerate(values)]


def unpaired(a: list[float], b: list[float]) -> Finding:
    return find(runs(*a), runs(*b, first_seed=100))


def test_a_difference_that_the_figures_carry_is_better() -> None:
    found = find(runs(0.970, 0.972, 0.971), runs(0.979, 0.980, 0.978))
    assert found.difference is not None
    assert found.difference.method == "paired t"
    assert sentence(found, goal="max", share=True) == "B is better by 0.80 ± 0.25 points (3 runs each)"
    assert sentence(found, goal="min", share=True) == "B is worse by 0.80 ± 0.25 points (3 runs each)"
    assert sentence(found, goal=None) == "B is higher by 0.0080 ± 0.0025 (3 runs each)"
    assert claim(found, goal="max") == "better"


def test_a_lower_loss_is_better_only_where_the_goal_says_so() -> None:
    found = unpaired([0.50, 0.51, 0.52], [0.40, 0.42, 0.41])
    assert sentence(found, goal="min") == "B is better by 0.100 ± 0.023 (3 runs each)"
    assert sentence(found, goal=None) == "B is lower by 0.100 ± 0.023 (3 runs each)"


def test_one_run_each_is_no_claim_unless_the_noise_is_known() -> None:
    a, b = runs(0.97), runs(0.98)
    assert sentence(find(a, b), goal="max", share=True) == "no claim: 1 run each"
    found = find(a, b, noise=Noise(0.001, 5))
    assert sentence(found, goal="max", share=True) == "B is better by 1.00 ± 0.39 points (1 run each)"
    assert found.notes == ("the noise is that of 5 runs of a baseline",)
    assert claim(find(a, b, noise=Noise(0.01, 5)), goal="max") == ""


def test_one_run_against_several_takes_their_noise_and_says_so() -> None:
    found = find(runs(0.970, 0.971, 0.972, 0.969, 0.970), runs(0.99, first_seed=9))
    assert claim(found, goal="max") == "better"
    assert found.notes == ("the noise of B's 1 run is taken to be that of A's 5",)
    assert found.superiority is None


def test_an_interval_that_holds_zero_says_what_could_have_been_shown() -> None:
    found = unpaired([0.970, 0.975, 0.965], [0.974, 0.979, 0.968])
    assert sentence(found, goal="max", share=True) == (
        "no claim: the interval -0.8 to 1.6 points holds zero; 3 runs a side could have shown 1.6 points,"
        " about 34 a side would show this one"
    )


def test_runs_without_a_number_are_said_behind_every_sentence() -> None:
    found = find(runs(0.970, 0.972, 0.971), runs(0.979, math.nan, 0.978, 0.980, first_seed=9))
    assert sentence(found, goal="max", share=True).endswith("(3 runs each; 1 run without a number left out)")
    found = find(runs(0.5, 0.6), runs(math.nan))
    assert sentence(found, goal="max") == "no claim: B has no number; 1 run without a number left out"


def test_values_that_are_all_the_same_are_no_claim() -> None:
    found = unpaired([0.9] * 3, [0.95] * 3)
    assert sentence(found, goal="max") == "no claim: each side's runs have one value: they show no noise"


def test_a_difference_that_several_metrics_make_doubtful_is_no_claim() -> None:
    found = unpaired([0.50, 0.51, 0.52], [0.46, 0.49, 0.47])
    assert claim(found, goal="min") == "better"
    assert claim(found, goal="min", p=0.08) == ""
    said = sentence(found, goal="min", p=0.08, metrics=4)
    assert said == "no claim: alone it would be one, but among 4 metrics its p is 0.08 (Holm)"


def test_every_figure_is_there_where_the_runs_are_enough() -> None:
    rng = random.Random(1)
    found = unpaired([rng.gauss(0, 1) for _ in range(12)], [rng.gauss(2, 1) for _ in range(12)])
    assert found.bca is not None
    assert found.permutation_p is None
    assert found.no_permutation == "more than 50,000 arrangements are not counted out"
    assert unpaired([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]).permutation_p == pytest.approx(2 / 70)


@pytest.mark.parametrize(
    ("value", "share", "spread", "text"),
    [
        (0.0083, True, 0.0027, "0.83 ± 0.27 points"),
        (0.019, True, None, "1.9 points"),
        (12345.0, False, 678.0, "12340 ± 680"),
        (1e-9, False, 2e-10, "1e-09 ± 2e-10"),
        (0.0, False, None, "0"),
    ],
)
def test_amounts_have_the_digits_that_their_spread_leaves(
    value: float, share: bool, spread: float | None, text: str
) -> None:
    assert amount(value, share=share, spread=spread) == text


def test_an_interval_is_as_exact_as_it_is_wide() -> None:
    assert between(-0.0021, 0.014, share=True) == "-0.21 to 1.40 points"
    assert between(-1e-5, 0.5, share=False) == "0.00 to 0.50"


@pytest.mark.parametrize("n", [3, 5, 10])
def test_better_is_said_of_nothing_in_one_of_forty_tries(n: int) -> None:
    """At a level of 95 %, half of the 5 % errors are on the side of the goal."""
    rng = random.Random(n)
    tries = 1500 if n < 10 else 300  # ten values have a bootstrap each
    said = {"better": 0, "worse": 0, "": 0}
    for _ in range(tries):
        a, b = [rng.gauss(0, 1) for _ in range(n)], [rng.gauss(0, 1) for _ in range(n)]
        said[claim(unpaired(a, b), goal="max")] += 1
    assert said["better"] / tries <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / tries)
    assert said["worse"] / tries <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / tries)
