"""Points made few, smooth, or a band: with numbers that can be worked out by hand."""

from __future__ import annotations

from math import inf, isnan, nan

import pytest

from gitexp.curves.shaping import bands, smooth, thin
from gitexp.curves.sparkline import PLAIN, sparkline


def test_thinning_keeps_the_ends_the_extremes_and_the_gaps() -> None:
    points = [(float(x), 1.0) for x in range(10_000)]
    points[3333], points[7000], points[5000] = (3333.0, 9.0), (7000.0, -9.0), (5000.0, nan)
    thinned = thin(points, 100)
    assert len(thinned) <= 100
    assert thinned[0] == points[0]
    assert thinned[-1] == points[-1]
    assert points[3333] in thinned
    assert points[7000] in thinned
    assert any(isnan(y) for _, y in thinned)
    assert thin(points[:50], 100) == points[:50]


def test_smoothing_begins_at_the_first_value_and_leaves_gaps() -> None:
    assert smooth([4.0, 8.0], 0.5) == [4.0, pytest.approx((0.5 * 0.5 * 4 + 0.5 * 8) / 0.75)]
    found = smooth([4.0, inf, 4.0], 0.9)
    assert found[1] == inf
    assert found[2] == pytest.approx(4.0)
    assert smooth([3.0, 5.0], 0.0) == [3.0, 5.0]


def test_a_band_counts_only_the_curves_that_reach_there() -> None:
    one, two = [(0.0, 0.0), (2.0, 2.0)], [(1.0, 3.0), (2.0, 4.0), (3.0, 5.0)]
    found = bands([one, two])
    assert [(b.x, b.n, b.mean) for b in found] == [(0.0, 1, 0.0), (1.0, 2, 2.0), (2.0, 2, 3.0), (3.0, 1, 5.0)]
    assert found[1].sd == pytest.approx(2**0.5)
    assert (found[1].low, found[1].high) == (1.0, 3.0)
    assert found[0].sd is None


def test_nothing_is_drawn_across_a_gap() -> None:
    assert [b.x for b in bands([[(0.0, 1.0), (1.0, nan), (2.0, 1.0)], [(0.5, 1.0), (1.5, 1.0)]]) if b.n == 2] == []


def test_a_sparkline_rises_with_its_values_and_has_gaps_where_there_is_no_number() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([1, nan, 8], 8) == "▁ █"
    assert sparkline([5, 5, 5], 8) == "▄▄▄"
    assert sparkline([nan, inf], 8) == ""
    assert sparkline([], 8) == ""
    assert len(sparkline(range(1000), 20)) == 20
    assert sparkline([-1.7e308, 1.7e308], 8, bars=PLAIN) == "_#"
