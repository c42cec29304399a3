import json
import time
from pathlib import Path
from typing import Any

import pytest

from gitexp.worker.matches import Matches


def matched(folder: Path, patterns: dict[str, str], *parts: bytes, completed: bool = True) -> list[dict[str, Any]]:
    matches = Matches(str(folder), patterns, announced=True)
    for part in parts:
        matches.feed("stdout", part, 1.5)
    matches.close(2.0, completed=completed)
    return rows_of(folder / "matched.jsonl")


def rows_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_each_line_that_matches_is_a_row_and_its_step_is_not_guessed(tmp_path: Path) -> None:
    rows = matched(tmp_path, {"loss": r"loss=(\S+)"}, b"loss=0.5\nnothing\nloss=0.25\n")
    assert rows == [{"time_s": 1.5, "loss": 0.5}, {"time_s": 1.5, "loss": 0.25}]


def test_a_step_is_what_the_group_of_that_name_says(tmp_path: Path) -> None:
    patterns = {"val": r"step (?P<step>\d+).*val loss (\S+)", "train": r"step .*train loss (\S+),", "it": r"iter (\d+)"}
    rows = matched(tmp_path, patterns, b"iter 2\nstep 20: train loss 4.1, val loss 4.2\n")
    assert rows == [
        {"time_s": 1.5, "it": 2.0},
        {"time_s": 1.5, "step": 20, "val": 4.2},
        {"time_s": 1.5, "train": 4.1},
    ]


def test_a_step_that_is_no_whole_number_is_a_problem_and_the_value_stays(tmp_path: Path) -> None:
    rows = matched(tmp_path, {"loss": r"epoch (?P<step>\S+) loss (\S+)"}, b"epoch 0.5 loss 1\n")
    assert rows == [
        {"problem": "loss: the step '0.5' is no whole number, in the line 'epoch 0.5 loss 1'"},
        {"time_s": 1.5, "loss": 1.0},
    ]


def test_metrics_of_one_line_share_a_row(tmp_path: Path) -> None:
    patterns = {"loss": r"loss=(\S+)", "acc": r"acc=(\S+)"}
    rows = matched(tmp_path, patterns, b"loss=1 acc=2\nloss=3\nloss=4 acc=5\n")
    assert rows == [
        {"time_s": 1.5, "loss": 1.0, "acc": 2.0},
        {"time_s": 1.5, "loss": 3.0},
        {"time_s": 1.5, "loss": 4.0, "acc": 5.0},
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"\x1b[1;32mval_bpb:\x1b[0m \x1b[31m0.5\x1b[0m\n",
        b"10%\rval_bpb: 0.5\r20%\n",
        b"val_bpb: 0.5",
        b"\xff val_bpb: 0.5\r\n",
    ],
    ids=["coloured", "in a progress bar", "without a line end", "beside bytes that are no text"],
)
def test_a_metric_is_found(tmp_path: Path, line: bytes) -> None:
    (row,) = matched(tmp_path, {"val_bpb": r"val_bpb:\s+(\S+)"}, line)
    assert row["val_bpb"] == 0.5


def test_a_line_that_comes_in_pieces_is_one_line(tmp_path: Path) -> None:
    (row,) = matched(tmp_path, {"loss": r"^loss=(\S+)$"}, b"lo", b"ss=0.", b"125", b"\n")
    assert row["loss"] == 0.125


def test_a_pattern_without_a_group_takes_the_whole_match(tmp_path: Path) -> None:
    (row,) = matched(tmp_path, {"n": r"\d+"}, b"epoch 17 done\n")
    assert row["n"] == 17.0


def test_a_last_line_without_its_end_of_a_program_that_did_not_complete_is_left_out(tmp_path: Path) -> None:
    patterns = {"loss": r"loss: (\S+)"}
    assert matched(tmp_path, patterns, b"loss: 0.4\nloss: 0.", completed=False) == [
        {"time_s": 1.5, "loss": 0.4},
        {"problem": "loss: the last line of the output, 'loss: 0.', has no line feed and may be torn: it was left out"},
    ]
    assert len(matched(tmp_path, patterns, b"loss: 0.4\nbye", completed=False)) == 1


def test_what_is_not_a_number_is_said_once(tmp_path: Path) -> None:
    rows = matched(tmp_path, {"loss": r"loss=(\S+)"}, b"loss=?\nloss=??\nloss=1\n")
    assert rows == [
        {"problem": "loss: '?' is not a number, in the line 'loss=?'"},
        {"time_s": 1.5, "loss": 1.0},
    ]


def test_a_pattern_that_is_none_is_said(tmp_path: Path) -> None:
    (row,) = matched(tmp_path, {"loss": "("}, b"loss\n")
    assert row["problem"].startswith("loss: the pattern '(' is not a regular expression: ")


def test_an_endless_line_is_searched_only_at_its_beginning(tmp_path: Path) -> None:
    parts = [b"a=1 ", *[b"x" * 65536] * 40, b" b=2\n", b"b=3\n"]
    rows = matched(tmp_path, {"a": r"a=(\d)", "b": r"b=(\d)"}, *parts)
    assert rows == [{"time_s": 1.5, "a": 1.0}, {"time_s": 1.5, "b": 3.0}]


def test_stdout_and_stderr_have_lines_of_their_own(tmp_path: Path) -> None:
    matches = Matches(str(tmp_path), {"loss": r"loss=(\S+)"}, announced=False)
    matches.feed("stdout", b"loss=", 1.0)
    matches.feed("stderr", b"warning\n", 1.0)
    matches.feed("stdout", b"4\n", 1.0)
    matches.close(1.0, completed=True)
    assert json.loads((tmp_path / "matched.jsonl").read_text()) == {"time_s": 1.0, "loss": 4.0}


def test_what_only_python_takes_for_a_number_is_none(tmp_path: Path) -> None:
    (row,) = matched(tmp_path, {"tok": r"tok (\S+)"}, b"tok 1_000\n")
    assert row == {"problem": "tok: '1_000' is not a number, in the line 'tok 1_000'"}


def announced(folder: Path, *parts: bytes, completed: bool = True) -> list[dict[str, Any]]:
    assert matched(folder, {}, *parts, completed=completed) == []
    return rows_of(folder / "announced.jsonl")


@pytest.mark.parametrize(
    ("printed", "row"),
    [
        (b"METRIC val_bpb=0.97\n", {"val_bpb": 0.97}),
        (b"  METRIC a=1 b=-2e3\r\n", {"a": 1.0, "b": -2000.0}),
        (b"\x1b[32mMETRIC\x1b[0m loss=0.5 step=7\n", {"step": 7, "loss": 0.5}),
        (
            b'__RESULT__ {"acc": 0.9, "val": {"f1": 0.5}, "model": "tiny", "layers": [1, 2], "ok": true}\n',
            {
                "acc": 0.9,
                "val.f1": 0.5,
                "ok": True,
            },
        ),
    ],
)
def test_what_a_program_announces_is_a_row(tmp_path: Path, printed: bytes, row: dict[str, Any]) -> None:
    assert announced(tmp_path, b"before\n", printed, b"after\n") == [{"time_s": 1.5, **row}]


@pytest.mark.parametrize(
    "printed", [b"METRIC server started\n", b"a METRIC x=1\n", b"METRICS x=1\n", b"__RESULT__ [1]\n", b"METRIC\n"]
)
def test_what_only_looks_like_an_announcement_is_none(tmp_path: Path, printed: bytes) -> None:
    assert announced(tmp_path, printed) == []


def test_an_announcement_that_is_no_number_is_a_problem(tmp_path: Path) -> None:
    rows = announced(tmp_path, b"METRIC acc=high loss=1\n__RESULT__ {\n")
    assert rows == [
        {"problem": "acc: not a number, in the line 'METRIC acc=high loss=1'"},
        {"time_s": 1.5, "loss": 1.0},
        {"problem": "__RESULT__: not JSON, in the line '__RESULT__ {'"},
    ]


@pytest.mark.parametrize("at", range(1, 16))
def test_an_announcement_may_come_in_two_parts(tmp_path: Path, at: int) -> None:
    printed = b"METRIC loss=0.5\n"
    assert announced(tmp_path, b"no end", b" yet\n" + printed[:at], printed[at:]) == [{"time_s": 1.5, "loss": 0.5}]


def test_an_announcement_that_may_be_torn_is_left_out(tmp_path: Path) -> None:
    rows = announced(tmp_path, b"METRIC loss=0.5\nMETRIC loss=0.2", completed=False)
    assert rows[0] == {"time_s": 1.5, "loss": 0.5}
    assert "may be torn" in rows[1]["problem"]


def test_marks_are_found_wherever_pieces_end_and_lines_without_an_end_cost_nothing(tmp_path: Path) -> None:
    text = b"xMETRIC z=0\n  METRIC a=1\n\x1b[32mMETRIC\x1b[0m b=2\r\nMETRIC c=3\rdull\n" + b"y" * 9000 + b"METRIC z=1\n"
    text += b'METRIC d=4\n__RESULT__ {"e": 5}\nMETRIC f=6'
    for size in (1, 7, 64, 4096, len(text)):
        folder = tmp_path / str(size)
        folder.mkdir()
        matches = Matches(str(folder), {}, announced=True)
        for at in range(0, len(text), size):
            matches.feed("stdout", text[at : at + size], 1.5)
        matches.close(2.0, completed=True)
        rows = [json.loads(line) for line in (folder / "announced.jsonl").read_text().splitlines()]
        assert [set(row) - {"time_s"} for row in rows] == [{name} for name in "abcdef"]
    endless, before = Matches(str(tmp_path), {}, announced=True), time.process_time()
    for _ in range(3200):
        endless.feed("stdout", b"y" * 65536, 1.5)
    assert time.process_time() - before < 1


def test_what_a_program_says_of_the_time_does_not_move_a_row(tmp_path: Path) -> None:
    matches = Matches(str(tmp_path), {}, announced=True)
    matches.feed("stdout", b"METRIC time_s=900 loss=0.5\nMETRIC acc = 1\n", 1.5)
    matches.close(2.0, completed=True)
    rows = [json.loads(line) for line in (tmp_path / "announced.jsonl").read_text().splitlines()]
    assert rows == [
        {"problem": "time_s: when it was printed is known, in the line 'METRIC time_s=900 loss=0.5'"},
        {"time_s": 1.5, "loss": 0.5},
        {"problem": "=: has no name, in the line 'METRIC acc = 1'"},
    ]
