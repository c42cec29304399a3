"""n, mean, sd and range, held against numpy and the standard library."""

from __future__ import annotations

import math
import random
import statistics

import numpy as np
import pytest

from gitexp.stats.summary import Summary, summary


def test_a_summary_has_n_mean_sd_and_range() -> None:
    found = summary([1, 2.0, 4.0])
    assert (found.n, found.least, found.most, found.left_out) == (3, 1.0, 4.0, 0)
    assert found.mean == pytest.approx(7 / 3, rel=1e-15)
    assert found.sd == pytest.approx(statistics.stdev([1, 2, 4]), rel=1e-15)


@pytest.mark.parametrize("centre", [0.0, 1.0, -1e9, 1e9])
def test_mean_and_sd_are_those_of_numpy(centre: float) -> None:
    rng = random.Random(7)
    values = [rng.gauss(centre, 0.01) for _ in range(500)]
    found = summary(values)
    assert found.mean == pytest.approx(float(np.mean(values)), rel=1e-13, abs=1e-13)
    assert found.sd == pytest.approx(float(np.std(np.array(values) - centre, ddof=1)), rel=1e-6)


@pytest.mark.parametrize("value", [0.1, 0.9733, 1e-300, 1e300, -3])
def test_equal_values_have_no_deviation(value: float) -> None:
    assert summary([value] * 7) == Summary(7, float(value), 0.0, float(value), float(value))


def test_one_value_has_no_deviation_that_is_known() -> None:
    assert summary([0.5]) == Summary(1, 0.5, None, 0.5, 0.5)


def test_what_is_no_number_is_counted_and_left_out() -> None:
    assert summary([math.nan, 1.0, math.inf, -math.inf, 1.0, 10**400]) == Summary(2, 1.0, 0.0, 1.0, 1.0, left_out=4)
    assert summary([math.nan]) == Summary(0, None, None, None, None, left_out=1)
    assert summary([]) == Summary(0, None, None, None, None)


def test_the_largest_numbers_there_are_do_not_overflow() -> None:
    found = summary([-1.7e308, 1.7e308])
    assert (found.n, found.mean, found.least, found.most) == (2, 0.0, -1.7e308, 1.7e308)
    assert found.sd == math.inf  # beyond what a float can be
    tiny = summary([1e-200, 3e-200])
    assert tiny.sd == pytest.approx(math.sqrt(2) * 1e-200)
