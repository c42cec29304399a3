"""history.csv read back: whose rows go before those of the next attempt."""

from __future__ import annotations

import math

import pytest
from rows import dump_history, load_history

from gitexp.record.metrics import Row
from gitexp.text.bounded import Unreadable

ROWS = [Row(-3, 0.001, {"a,b": 2**63 - 1, "é": 0.1}), Row(None, None, {"é": math.inf})]


def test_what_was_dumped_loads_as_the_same_rows():
    assert load_history(dump_history(ROWS, limit_bytes=10**9).kept) == ([1, 1], ROWS)


def test_each_row_keeps_its_attempt():
    assert load_history(dump_history(ROWS, limit_bytes=10**9, attempts=[1, 3]).kept) == ([1, 3], ROWS)


def test_nothing_logged_is_no_rows():
    assert load_history(b"") == ([], [])
    assert load_history(b"step,time_s\n") == ([], [])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"loss,step\n1,2\n", "its first line is not step,time_s,<metrics>"),
        (b"step,time_s,=x\n1,,1\n", "its first line is not step,time_s,<metrics>"),
        (b"step,time_s,a,a\n1,,1,2\n", "its first line is not step,time_s,<metrics>"),
        (b"step,time_s,a\n1,,1\n2,,\n3,,1,4\n", "line 4 has 4 cells, not 3"),
        (b"step,time_s,a\n1,,=1+1\n", "line 2: a is '=1+1'"),
        (b"step,time_s,a\n1,,1_0\n", "line 2: a is '1_0'"),
        (b"step,time_s,a\n1.5,,1\n", "line 2: step is '1.5'"),
        (b"step,time_s,attempt,a\n1,,x,1\n", "line 2: attempt is 'x'"),
        (b"step,time_s,a\n1,," + b"9" * 9000 + b"\n", "line 2: a is '9999"),
        (b"step,time_s,a\n1,," + b"9" * 200_000 + b"\n", "is not valid CSV"),
        (b"\xff\xfe", "is not valid CSV"),
        (b"\0", "breaks the record format"),
    ],
)
def test_a_hostile_history_is_unreadable_in_one_line(data, message):
    with pytest.raises(Unreadable) as refusal:
        load_history(data, where="abc:history.csv")
    assert refusal.value.what.startswith("abc:history.csv ")
    assert message in refusal.value.what
