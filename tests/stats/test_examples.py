"""Differences of results by example, by simulation with a known truth."""

from __future__ import annotations

import math
import random

import pytest

from gitexp.stats.difference import NoDifference, welch_t
from gitexp.stats.examples import two_level_t

TRUTH = 0.5


def drawn(rng: random.Random, runs: int, examples: int) -> tuple[list[list[float]], list[list[float]]]:
    """Two sides: each run and each example has its own effect on the difference, and so has each pair of them."""
    hard = [rng.gauss(0, 3) for _ in range(examples)]  # for both sides alike
    liked = [rng.gauss(0, 1.5) for _ in range(examples)]  # by B
    sides = []
    for shift, of_side in ((0.0, [0.0] * examples), (TRUTH, liked)):
        seeds = [rng.gauss(shift, 0.3) for _ in range(runs)]
        sides.append([[s + h + x + rng.gauss(0, 1) for h, x in zip(hard, of_side, strict=True)] for s in seeds])
    return sides[0], sides[1]


@pytest.mark.parametrize("runs", [3, 5])
def test_the_interval_holds_the_truth_also_for_other_examples(runs: int) -> None:
    rng = random.Random(runs)
    tries, held, of_seeds = 600, 0, 0
    for _ in range(tries):
        a, b = drawn(rng, runs, 30)
        found = two_level_t(a, b, level=0.95)
        held += found.low <= TRUTH <= found.high
        seeds = welch_t([sum(r) / 30 for r in a], [sum(r) / 30 for r in b], level=0.95)
        of_seeds += seeds.low <= TRUTH <= seeds.high
    assert held / tries >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / tries)
    assert held / tries <= 0.99
    assert of_seeds / tries < 0.93  # what leaves the examples out is too narrow


def test_without_an_effect_of_the_examples_it_is_the_interval_of_the_seeds() -> None:
    a, b = [[0.1, 0.1], [0.2, 0.2], [0.4, 0.4]], [[0.5, 0.5], [0.7, 0.7], [0.9, 0.9]]
    found, welch = two_level_t(a, b, level=0.95), welch_t([0.1, 0.2, 0.4], [0.5, 0.7, 0.9], level=0.95)
    assert found[1:] == pytest.approx(welch[1:])


def test_what_has_no_two_levels_is_refused() -> None:
    with pytest.raises(NoDifference, match="not of the same examples"):
        two_level_t([[1.0, 2.0]], [[1.0]], level=0.95)
    with pytest.raises(NoDifference, match="two runs of a side"):
        two_level_t([[1.0, 2.0]], [[1.0, 2.0]], level=0.95)
    with pytest.raises(NoDifference, match="neither seeds nor examples"):
        two_level_t([[1.0, 1.0]] * 2, [[2.0, 2.0]] * 2, level=0.95)
