"""Everything that a run left about its metrics, put together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitexp.model.metrics import Row
from gitexp.model.recipe import MetricRules
from gitexp.stages.collect import Collected, collect

STARTED = 1_700_000_000.0


@pytest.fixture
def folder(tmp_path) -> Path:
    """A run folder in which nothing was logged."""
    path = tmp_path / "run"
    path.mkdir()
    return path


@pytest.fixture
def cwd(tmp_path) -> Path:
    """Where the program ran."""
    path = tmp_path / "work"
    path.mkdir()
    return path


def written(path: Path, text: str, *, at: float = STARTED + 5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at, at))


def collected(folder: Path, cwd: Path, *files: str, limit: int = 256 * 1024, **rules: dict[str, str]) -> Collected:
    given = MetricRules(files=files, output={}, goal=rules.get("goal", {}), summary=rules.get("summary", {}))
    return collect(folder=str(folder), cwd=cwd, rules=given, started=STARTED, history_limit=limit)


def test_a_program_that_logs_nothing_has_no_metrics_and_no_problem(folder, cwd):
    assert collected(folder, cwd) == ([], {}, b"", None, 0, 0, ())


def test_rules_that_say_nothing_will_do(folder, cwd):
    (folder / "metrics.jsonl").write_text('{"loss":1}\n')
    found = collect(folder=str(folder), cwd=cwd, rules=MetricRules(), started=STARTED, history_limit=1000)
    assert found.summary == {"loss": 1}


def test_what_was_logged_printed_and_written_is_one_history(folder, cwd):
    (folder / "metrics.jsonl").write_text('{"step":1,"loss":0.5,"time_s":1.0}\n{"step":2,"loss":0.25,"time_s":3.0}\n')
    (folder / "matched.jsonl").write_text('{"step":0,"time_s":2.0,"val_bpb":1.5}\n')
    written(cwd / "metrics.json", '{"acc": 0.9}')
    found = collected(folder, cwd, "metrics.json", goal={"acc": "max"})
    assert found.history_csv.decode() == (
        "step,time_s,loss,val_bpb,acc\n1,1.0,0.5,,\n0,2.0,,1.5,\n2,3.0,0.25,,\n,,,,0.9\n"
    )
    assert found.summary == {"loss": 0.25, "val_bpb": 1.5, "acc": 0.9}
    assert (found.history_whole, found.rows_total, found.rows_kept, found.problems) == (None, 4, 4, ())


def test_rows_without_a_time_stay_where_the_program_put_them(folder, cwd):
    (folder / "metrics.jsonl").write_text('{"a":1,"time_s":5}\n{"a":2}\n{"a":3,"time_s":1}\n{"a":4}\n')
    assert [row.values["a"] for row in collected(folder, cwd).rows] == [3, 4, 1, 2]


def test_rows_of_several_processes_are_in_the_order_of_time_and_the_last_is_the_summary(folder, cwd):
    (folder / "metrics.jsonl").write_text('{"loss":0.1,"time_s":2.5}\n{"loss":0.2,"time_s":2.0}\n')
    found = collected(folder, cwd)
    assert found.rows == [Row(None, 2.0, {"loss": 0.2}), Row(None, 2.5, {"loss": 0.1})]
    assert found.summary == {"loss": 0.1}


def test_a_history_beyond_the_limit_is_sampled_and_whole_beside(folder, cwd):
    (folder / "metrics.jsonl").write_text("".join(f'{{"step":{i},"loss":{i}}}\n' for i in range(3000)))
    found = collected(folder, cwd, limit=20_000)
    assert (found.rows_total, found.rows_kept) == (3000, 1000)
    assert found.history_whole.count(b"\n") == 3001


def test_what_is_wrong_is_a_sentence_each_and_the_rest_is_recorded(folder, cwd):
    (folder / "metrics.jsonl").write_text('{"loss":1}\noops\n')
    (folder / "matched.jsonl").write_text('{"problem": "val_bpb: not a number: n/a"}\n{"val_bpb": 1.5}\n')
    written(cwd / "metrics.json", '{"acc": 0.9,\n "f1": }')
    found = collected(folder, cwd, "metrics.json")
    assert found.summary == {"loss": 1, "val_bpb": 1.5}
    assert found.problems == (
        "GITEXP_METRICS: line 2 is not JSON: Expecting value",
        "val_bpb: not a number: n/a",
        "metrics.json: line 2 is not JSON: Expecting value",
    )


def test_a_metric_called_problem_is_a_metric(folder, cwd):
    (folder / "matched.jsonl").write_text('{"step":0,"problem":3}\n')
    assert collected(folder, cwd).summary == {"problem": 3}


def test_a_metrics_file_that_the_program_did_not_write_is_a_problem(folder, cwd):
    assert collected(folder, cwd, "out/metrics.json", "*.csv").problems == (
        "out/metrics.json: the program did not write a file of this name",
        "*.csv: this run wrote no file that matches",
    )


def test_a_metrics_file_of_an_earlier_run_is_not_taken_for_this_ones(folder, cwd):
    written(cwd / "metrics.json", '{"acc": 0.9}', at=STARTED - 3)
    found = collected(folder, cwd, "metrics.json")
    assert found.summary == {}
    assert found.problems == ("metrics.json: was not written by this run (it is older), so it was not read",)


def test_a_file_written_within_the_clocks_slack_is_read(folder, cwd):
    written(cwd / "metrics.json", '{"acc": 0.9}', at=STARTED - 1)
    assert collected(folder, cwd, "metrics.json").summary == {"acc": 0.9}


def test_a_pattern_reads_this_runs_files_and_passes_over_earlier_ones(folder, cwd):
    written(cwd / "logs/version_0/metrics.csv", "acc\n0.1\n", at=STARTED - 100)
    written(cwd / "logs/version_1/metrics.csv", "step,acc\n1,0.2\n")
    written(cwd / "logs/version_2/metrics.csv", "step,acc\n2,0.3\n")
    found = collected(folder, cwd, "logs/**/metrics.csv", "logs/version_1/*.csv")
    assert found.rows == [Row(1, None, {"acc": 0.2}), Row(2, None, {"acc": 0.3})]
    assert found.problems == ()


def test_a_pattern_that_matches_only_earlier_files_is_a_problem(folder, cwd):
    written(cwd / "a.csv", "acc\n0.1\n", at=STARTED - 100)
    assert collected(folder, cwd, "*.csv").problems == ("*.csv: this run wrote no file that matches",)


def test_a_name_with_brackets_that_exists_is_that_file(folder, cwd):
    written(cwd / "m[1].json", '{"acc": 1}')
    assert collected(folder, cwd, "m[1].json").summary == {"acc": 1}


def test_what_is_no_file_or_too_large_is_not_read(folder, cwd):
    (cwd / "dir.json").mkdir()
    os.mkfifo(cwd / "pipe.json")
    with (cwd / "big.json").open("wb") as file:
        file.truncate(256 * 2**20 + 1)
    assert collected(folder, cwd, "dir.json", "pipe.json", "big.json").problems == (
        "dir.json: cannot be read: it is a folder",
        "pipe.json: cannot be read: it is a FIFO, a socket or a device",
        "big.json: is larger than 256 MiB, so it was not read",
    )
