"""Quantiles: exact where all values are kept, close where a sample is, and the same on every machine."""

from __future__ import annotations

from gitexp.tables.contracts.quantiles import Sample, quantile


def test_between_two_values_a_quantile_lies_in_proportion() -> None:
    assert [quantile([1.0, 2.0, 4.0], share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)] == [1.0, 1.5, 2.0, 3.0, 4.0]


def test_up_to_the_limit_every_value_is_kept() -> None:
    sample = Sample(limit=5)
    sample.extend([3, 1])
    sample.extend([2.5, 9, 7])
    assert sample.exact
    assert sample.sorted() == [1, 2.5, 3, 7, 9]


def test_beyond_the_limit_the_same_values_stay_however_they_came() -> None:
    at_once, in_pieces = Sample(limit=8), Sample(limit=8)
    at_once.extend(range(40))
    in_pieces.extend(range(7))
    in_pieces.extend(range(7, 40))
    assert at_once.sorted() == in_pieces.sorted() == [0, 3, 5, 33, 34]
    assert not at_once.exact


def test_a_sample_is_close_to_the_whole_even_where_that_has_a_period() -> None:
    sample = Sample(limit=10_000)
    sample.extend([place % 1024 for place in range(200_000)])
    assert abs(quantile(sample.sorted(), 0.5) - 511.5) < 20


def test_integers_without_end_are_no_traceback() -> None:
    sample = Sample()
    sample.extend([10**400, 1, -(10**400)])
    assert quantile(sample.sorted(), 0.5) == 1
