"""What several runs of A, of B and of mixtures of both say of causes, and what they do not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from gitexp.stats.attribution import Attribution, Cell, attribute, cells_of, sentence
from gitexp.stats.pairing import Measured

NAMES = ("code", "optimizer.lr", "data.digits", "seed")
WIGGLE = (0.0, 0.0011, -0.0009)  # of three seeds


def cell(*factors: int) -> Cell:
    return frozenset(factors)


def attributed(value: Callable[[Cell], float], *, seeds: int = 3, count: int = 4) -> Attribution:
    """Each cell has its own small differences between seeds."""
    runs = {}
    for at, one in enumerate(cells_of(count)):
        wiggles = [(1 + seed * at % 3) * WIGGLE[(seed + at) % 3] for seed in range(seeds)]
        runs[one] = [Measured(seed, value(one) + wiggle) for seed, wiggle in enumerate(wiggles)]
    return attribute(NAMES[:count], runs)


def test_two_factors_take_four_cells_and_four_take_ten() -> None:
    assert [len(cells_of(count)) for count in (1, 2, 3, 4)] == [2, 4, 8, 10]
    assert cells_of(2) == (cell(), cell(0, 1), cell(0), cell(1))


def test_the_one_factor_that_moves_the_metric_is_named_with_its_part() -> None:
    found = attributed(lambda one: 0.9 - 0.028 * (1 in one))
    assert (found.how, found.causes) == ("moved", (1,))
    text = sentence(found, "val.acc", share=True)
    assert text.startswith("optimizer.lr moved val.acc by -2.")
    assert text.endswith(" points")
    assert ", of -2." in text


def test_two_factors_that_add_up_are_both_named() -> None:
    found = attributed(lambda one: 0.9 - 0.02 * (1 in one) - 0.03 * (2 in one))
    assert (found.how, found.causes) == ("moved", (1, 2))


def test_what_two_factors_do_only_together_is_said_of_both() -> None:
    found = attributed(lambda one: 0.9 - 0.04 * ({0, 2} <= one))
    assert (found.how, found.causes) == ("together", (0, 2))
    assert sentence(found, "val.acc", share=True).startswith("code and data.digits only together moved val.acc by -4.")


def test_what_either_of_two_factors_does_alone_is_said_of_both() -> None:
    found = attributed(lambda one: 0.9 - 0.04 * bool({0, 2} & one))
    assert (found.how, found.causes) == ("either", (0, 2))


def test_an_effect_that_is_another_within_b_is_told_twice() -> None:
    found = attributed(lambda one: 0.9 - 0.02 * (0 in one) - 0.04 * ({0, 1} <= one))
    text = sentence(found, "loss", share=False)
    assert text.startswith("code moved loss by -0.0")
    assert " alone and -0.06" in text


def test_noise_is_called_noise() -> None:
    found = attributed(lambda one: 0.9)
    assert (found.how, found.causes) == ("noise", ())
    assert sentence(found, "val.acc", share=True).startswith("within noise: val.acc differs by ")


def test_one_run_each_names_nothing() -> None:
    found = attributed(lambda one: 0.9 - 0.4 * (1 in one), seeds=1)
    assert found.factors[1].alone.estimate == pytest.approx(-0.4, abs=0.01)
    assert found.factors[1].alone.noise is None
    text = sentence(found, "val.acc", share=True)
    assert text.startswith("no claim: one run of each shows no noise; in these runs val.acc is changed by ")
    assert ", and alone on A optimizer.lr by -4" in text


def test_a_cell_without_a_number_names_no_cause_that_would_need_it() -> None:
    runs = {
        one: [Measured(seed, 0.9 - 0.03 * (1 in one) + WIGGLE[seed] * (1 + len(one))) for seed in range(3)]
        for one in cells_of(4)
    }
    runs[cell(1)] = []
    found = attribute(NAMES, runs)
    assert found.factors[1].alone.estimate is None
    assert found.interaction.estimate is None
    assert (found.how, found.causes) == ("unclear", ())
    assert sentence(found, "val.acc", share=True).endswith("; 1 cell without a number")


def test_many_replicates_that_are_all_equal_to_their_like_have_no_noise() -> None:
    runs = {one: [Measured(seed, 0.9 - 0.03 * (1 in one)) for seed in range(2)] for one in cells_of(4)}
    assert sentence(attribute(NAMES, runs), "loss", share=False) == "optimizer.lr moved loss by -0.030, of -0.030"
    same = {one: [Measured(seed, 0.9) for seed in range(2)] for one in cells_of(4)}
    assert sentence(attribute(NAMES, same), "loss", share=False) == "within noise: loss differs by 0"


def test_seeds_that_do_the_same_to_every_cell_leave_no_noise() -> None:
    def of(seeds: int) -> Attribution:
        value = {one: 0.9 - 0.03 * (1 in one) for one in cells_of(2)}
        runs = {one: [Measured(seed, value[one] + WIGGLE[seed]) for seed in range(seeds)] for one in cells_of(2)}
        return attribute(NAMES[:2], runs)

    assert sentence(of(3), "val.acc", share=True) == "optimizer.lr moved val.acc by -3.0 points, of -3.0 points"
    assert of(2).why == "so few seeds, which do the same to every cell, show no noise"


def test_without_noise_what_floating_point_lost_is_no_difference_within_b() -> None:
    def value(one: Cell) -> float:
        return 0.5 + 0.1 * (0 in one) + 0.2 * ({1, 2} <= one)

    runs = {one: [Measured(seed, value(one)) for seed in range(2)] for one in cells_of(3)}
    text = sentence(attribute(NAMES[:3], runs), "val.acc", share=True)
    assert text == "code moved val.acc by 10 points, of 30 points"
    more = {one: [Measured(seed, value(one) + 0.1 * ({0, 1} <= one)) for seed in range(2)] for one in cells_of(3)}
    text = sentence(attribute(NAMES[:3], more), "val.acc", share=True)
    assert text == "code moved val.acc by 10 points alone and 20 points within B, of 40 points"


def test_few_replicates_that_are_equal_show_no_noise() -> None:
    runs = {one: [Measured(seed, float(len(one))) for seed in range(2)] for one in cells_of(1)}
    assert attribute(("code",), runs).why == "so few replicates, each equal to its like, show no noise"


def test_one_seed_done_over_and_over_shows_no_noise() -> None:
    runs = {one: [Measured(1, float(len(one)))] * 6 for one in cells_of(1)}
    found = attribute(("code",), runs)
    assert (found.how, found.why) == ("none", "one run of each shows no noise")
    assert found.notes[0] == "6 runs of A have one seed and one value: they count as one"
    unseeded = {one: [Measured(None, float(len(one)))] * 6 for one in cells_of(1)}
    assert attribute(("code",), unseeded).causes == (0,)


def test_seeds_that_all_cells_have_are_taken_out_of_the_noise() -> None:
    shift = (0.0, 0.5, -0.7)  # far more than any factor does
    runs = {
        one: [Measured(seed, shift[seed] - 0.03 * (1 in one) + 0.001 * ((seed + at) % 3)) for seed in range(3)]
        for at, one in enumerate(cells_of(4))
    }
    found = attribute(NAMES, runs)
    assert found.total.noise is not None
    assert (found.total.noise.method, found.total.noise.df) == ("blocked t", 18)
    assert (found.how, found.causes) == ("moved", (1,))


def test_the_noise_of_replicates_of_a_alone_is_taken_for_all() -> None:
    runs = {one: [Measured(1, 0.9 - 0.3 * (1 in one))] for one in cells_of(4)}
    runs[cell()] = [Measured(seed, 0.9 + WIGGLE[seed - 1]) for seed in (1, 2, 3)]
    found = attribute(NAMES, runs)
    assert found.noise is not None
    assert (found.noise.n, found.how, found.causes) == (3, "moved", (1,))


@pytest.mark.parametrize(
    ("truth", "right", "at_least", "wrong_at_most"),
    [
        (lambda one: 0.0, ("noise", ()), 0.9, 0.05),
        (lambda one: 8.0 * (0 in one), ("moved", (0,)), 0.9, 0.05),
        (lambda one: 8.0 * (0 in one) + 8.0 * (1 in one), ("moved", (0, 1)), 0.9, 0.05),
        (lambda one: 8.0 * ({0, 1} <= one), ("together", (0, 1)), 0.8, 0.06),
    ],
    ids=["noise", "one", "two", "together"],
)
def test_planted_truths_are_found_and_hardly_ever_another(
    truth: Callable[[Cell], float], right: tuple[str, tuple[int, ...]], at_least: float, wrong_at_most: float
) -> None:
    """In units of the noise of one run, with three runs of each cell. CONTRIBUTING.md has the rates of 2,000 tries."""
    rng = random.Random(19)
    said: Counter[tuple[str, tuple[int, ...]]] = Counter()
    for _ in range(200):
        runs = {one: [Measured(seed, truth(one) + rng.gauss(0, 1)) for seed in range(3)] for one in cells_of(4)}
        found = attribute(NAMES, runs)
        said[found.how, found.causes] += 1
    assert said[right] >= 200 * at_least
    assert (
        sum(count for (how, causes), count in said.items() if causes and (how, causes) != right) <= 200 * wrong_at_most
    )
