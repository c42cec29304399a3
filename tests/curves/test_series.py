"""history.csv to series: what gitexp writes, what strangers write, what is damaged; a run folder that grows."""

from __future__ import annotations

import math
from pathlib import Path

from gitexp.curves.growing import Growing
from gitexp.curves.series import load_history

WRITTEN = b"step,time_s,loss,acc,epoch\n0,0.5,2.5,,0\n1,1.5,nan,0,0\n1,,,1,1\n2,3.5,-inf,9007199254740993,1\n"


def test_numbers_steps_times_and_epochs_are_those_of_the_file() -> None:
    history = load_history(WRITTEN, logged=4)
    loss = history.series("loss")
    assert (loss.steps, loss.times, loss.epochs) == ([0, 1, 2], [0.5, 1.5, 3.5], [0, 0, 1])
    assert loss.values[0] == 2.5
    assert math.isnan(loss.values[1])
    assert loss.values[2] == -math.inf
    assert history.series("acc").values == [0, 1, 9007199254740993]
    assert not history.is_sample
    assert history.series("none").values == []


def test_that_it_is_a_sample_travels_with_it() -> None:
    history = load_history(WRITTEN, logged=5000)
    assert history.is_sample
    assert (len(history.steps), history.logged) == (4, 5000)


def test_only_what_is_wanted_is_taken_and_what_counts_epochs() -> None:
    assert list(load_history(WRITTEN, wanted={"acc"}).columns) == ["acc", "epoch"]


def test_quoted_and_plain_files_mean_the_same() -> None:
    plain = b"step,time_s,a,b\n1,0.5,2,0.25\n,,,3\n"
    quoted = b'step,time_s,"a","b"\r\n"1",0.5,2,"0.25"\r\n,,,3\r\n'
    assert load_history(plain) == load_history(quoted)
    assert load_history(plain).columns == {"a": [2, None], "b": [0.25, 3]}


def test_damage_is_a_sentence_and_the_rows_before_it_stay() -> None:
    for line in (b"2,0.5\n", b"2,0.5,x\n", b"2.5,1,1\n", b"2,0.5,1_000\n", b"\xff\n", b"2,1," + b"9" * 5000 + b"\n"):
        history = load_history(b"step,time_s,a\n1,0.5,7\n" + line + b"3,1.5,8\n")
        assert history.series("a").values == [7], line
        assert history.problem.startswith("history.csv"), line
        assert history.problem.endswith("its rows from there on are left out")
    assert load_history(b"a,b\n1,2\n").problem
    assert load_history(b"step,time_s,=x\n1,2,3\n").problem
    assert not load_history(b"").problem


def test_what_an_attempt_logged_twice_counts_once_and_its_time_goes_on() -> None:
    history = load_history(b"step,time_s,attempt,a\n1,1.0,1,5\n2,2.0,1,6\n3,3.0,1,7\n2,1.0,2,8\n3,2.0,2,9\n")
    series = history.series("a")
    assert (series.steps, series.values, series.times) == ([1, 2, 3], [5, 8, 9], [1.0, 4.0, 5.0])


def test_a_run_in_progress_is_read_on_as_it_grows(tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.jsonl"
    growing = Growing(tmp_path)
    assert growing.read().series("a").values == []
    metrics.write_text('{"a": 1, "step": 1, "time_s": 0.5}\n{"a": 2, "st')
    assert growing.read().series("a").values == [1]
    metrics.write_text('{"a": 1, "step": 1, "time_s": 0.5}\n{"a": 2, "step": 2, "time_s": 1}\n')
    (tmp_path / "matched.jsonl").write_text('{"b": 7, "time_s": 0.75}\n')
    history = growing.read()
    assert history.series("a").steps == [1, 2]
    assert history.columns["b"] == [None, 7, None]


def test_of_a_run_that_logs_very_much_a_sample_is_kept(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("".join(f'{{"a": {i}, "step": {i}}}\n' for i in range(50_000)))
    history = Growing(tmp_path).read()
    assert history.logged == 50_000
    assert history.is_sample
    assert history.series("a").steps[:2] == [0, 4]
