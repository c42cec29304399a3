"""history.csv: whole, and sampled."""

from __future__ import annotations

import csv
import math
from itertools import pairwise

import pytest
from rows import dump_history

from gitexp.record.metrics import Row

ANY = 10**9


def test_a_history_is_csv_with_a_column_for_each_metric_in_first_logged_order():
    rows = [
        Row(1, 0.5, {"loss": 0.1, "acc": 1}),
        Row(None, None, {"lr": 1e-05}),
        Row(2, 1.25, {"acc": math.nan, "lr": -math.inf}),
    ]
    text = dump_history(rows, limit_bytes=ANY)
    assert text.kept == b"step,time_s,loss,acc,lr\n1,0.5,0.1,1,\n,,,,1e-05\n2,1.25,,nan,-inf\n"
    assert (text.whole, text.rows, text.kept_rows) == (text.kept, 3, 3)


def test_a_resumed_run_has_a_column_for_the_attempt():
    text = dump_history([Row(1, 0.5, {"loss": 0.1})], limit_bytes=ANY, attempts=[2])
    assert text.kept == b"step,time_s,attempt,loss\n1,0.5,2,0.1\n"


def test_names_with_commas_and_quotes_are_quoted_as_rfc_4180_says():
    text = dump_history([Row(1, None, {"a,b": 1, 'c"d': 2})], limit_bytes=ANY).kept.decode()
    assert text == 'step,time_s,"a,b","c""d"\n1,,1,2\n'
    assert next(csv.reader(text.splitlines())) == ["step", "time_s", "a,b", 'c"d']


def test_a_history_at_the_limit_is_whole_and_one_byte_beyond_is_sampled():
    rows = [Row(i, None, {"loss": 1}) for i in range(1, 4)]
    size = len(b"step,time_s,loss\n1,,1\n2,,1\n3,,1\n")
    assert dump_history(rows, limit_bytes=size).kept_rows == 3
    sampled = dump_history(rows, limit_bytes=size - 1)
    assert sampled == (b"step,time_s,loss\n1,,1\n3,,1\n", b"step,time_s,loss\n1,,1\n2,,1\n3,,1\n", 3, 2)


@pytest.fixture
def long_run() -> list[Row]:
    """20,000 rows; loss has its minimum in row 12,345 and its maximum in row 777; some are nan."""
    rows = [Row(i, i / 100, {"loss": 1.0, "acc": i / 20_000}) for i in range(20_000)]
    rows[12_345].values["loss"] = 0.5
    rows[777].values["loss"] = 2.0
    rows[5].values["loss"] = math.nan
    return rows


def test_a_sample_keeps_first_last_minima_maxima_and_is_evenly_spaced_otherwise(long_run):
    text = dump_history(long_run, limit_bytes=256 * 1024)
    steps = [int(line.split(b",")[0]) for line in text.kept.splitlines()[1:]]
    assert text.rows == 20_000
    assert text.kept_rows == len(steps) == 1000
    assert {0, 777, 12_345, 19_999} <= set(steps)
    assert steps == sorted(steps)
    assert max(b - a for a, b in pairwise(steps)) <= 21
    assert text.kept.split(b"\n")[1] == b"0,0.0,1.0,0.0"


def test_the_whole_of_a_sampled_history_comes_along(long_run):
    text = dump_history(long_run, limit_bytes=256 * 1024)
    header, *lines = text.whole.splitlines()
    assert header == b"step,time_s,loss,acc"
    assert len(lines) == 20_000
    assert lines[12_345] == b"12345,123.45,0.5,0.61725"


def test_a_sample_has_at_most_1000_rows_even_of_more_extremes():
    every_row_is_an_extreme = [Row(i, None, {f"m{i}": i}) for i in range(1100)]
    text = dump_history(every_row_is_an_extreme, limit_bytes=1_200_000)
    assert text.kept_rows == 1000
    assert text.kept.splitlines()[-1].startswith(b"1099,")


def test_of_many_metrics_a_sample_has_the_extremes_of_those_with_a_goal_and_stays_within_its_bytes():
    names = [f"m{i}" for i in range(600)]
    rows = [Row(i, None, dict.fromkeys(names, 0.5)) for i in range(700)]
    for i, name in enumerate(names):
        rows[i + 50].values[name] = 2.5
        rows[699 - i].values[name] = -2.5
    text = dump_history(rows, limit_bytes=256 * 1024, goals=["m599"])
    assert len(text.kept) <= 256 * 1024
    steps = [int(line.split(b",")[0]) for line in text.kept.splitlines()[1:]]
    assert {0, 699, 649, 100, 50} <= set(steps)


def test_a_sample_of_which_not_even_the_header_fits_is_the_header():
    rows = [Row(i, None, {"loss": i}) for i in range(10)]
    assert dump_history(rows, limit_bytes=10).kept == b"step,time_s,loss\n"


def test_one_row_more_would_not_fit_into_a_sample(long_run):
    long_run[100].values["acc"] = 0.123456789012345
    text = dump_history(long_run, limit_bytes=9_999)
    assert 9_999 - 60 < len(text.kept) <= 9_999


def test_columns_that_come_late_leave_the_rows_before_them_empty_whatever_the_blocks():
    rows = [Row(i, None, {"a": i} if i < 7 else {"a": i, f"b{i}": 0.5}) for i in range(10)]
    whole = dump_history(rows, limit_bytes=ANY).kept
    assert whole.splitlines()[:2] == [b"step,time_s,a,b7,b8,b9", b"0,,0,,,"]
    assert whole.splitlines()[-1] == b"9,,9,,,0.5"
    assert dump_history(rows, limit_bytes=ANY, in_blocks_of=1).kept == whole
    assert dump_history(rows, limit_bytes=ANY, in_blocks_of=3).kept == whole


def test_a_sample_of_long_rows_fits_the_limit(long_run):
    text = dump_history(long_run, limit_bytes=10_000)
    assert 9_000 < len(text.kept) <= 10_000


def test_the_largest_integer_and_the_shortest_float_are_written_out():
    rows = [Row(-3, 0.001, {"a": 2**63 - 1, "é": 0.1}), Row(None, None, {"é": math.inf})]
    kept = "step,time_s,a,é\n-3,0.001,9223372036854775807,0.1\n,,,inf\n".encode()
    assert dump_history(rows, limit_bytes=ANY).kept == kept
