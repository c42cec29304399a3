"""Everything that a run left about its metrics, put together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from xxhash import xxh3_128_hexdigest

from gitexp.attempt import Collected
from gitexp.record.metrics import MetricRules
from gitexp.record.written import Written, note
from gitexp.stages.collect import collect


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


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def noted(path: Path) -> Written:
    """As submit notes a file that is there when a run starts."""
    return note(path)[0]


def collected(
    folder: Path,
    cwd: Path,
    *files: str,
    limit: int = 256 * 1024,
    before: dict[str, Written] | None = None,
    completed: bool = True,
    **rules: dict[str, str],
) -> Collected:
    given = MetricRules(files=files, **rules)
    return collect(folder=str(folder), cwd=cwd, rules=given, history_limit=limit, before=before, completed=completed)


def history(found: Collected) -> list[str]:
    """Its lines but the header."""
    return found.history_csv.decode().splitlines()[1:]


def test_a_program_that_logs_nothing_has_no_metrics_and_no_problem(folder, cwd):
    assert collected(folder, cwd) == ({}, (), None, b"", None, "", 0, 0, (), (), (), {}, None, b"")


def test_rules_that_say_nothing_will_do(folder, cwd):
    (folder / "metrics.jsonl").write_text('{"loss":1}\n')
    found = collect(folder=str(folder), cwd=cwd, rules=MetricRules(), history_limit=1000)
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
    assert (found.whole, found.rows_total, found.rows_kept, found.problems) == (None, 4, 4, ())


def test_rows_without_a_time_stay_where_the_program_put_them(folder, cwd):
    (folder / "metrics.jsonl").write_text('{"a":1,"time_s":5}\n{"a":2}\n{"a":3,"time_s":1}\n{"a":4}\n')
    assert [line.rpartition(",")[2] for line in history(collected(folder, cwd))] == ["3", "4", "1", "2"]


def test_rows_of_several_processes_are_in_the_order_of_time_and_the_last_is_the_summary(folder, cwd):
    (folder / "metrics.jsonl").write_text('{"loss":0.1,"time_s":2.5}\n{"loss":0.2,"time_s":2.0}\n')
    found = collected(folder, cwd)
    assert history(found) == [",2.0,0.2", ",2.5,0.1"]
    assert found.summary == {"loss": 0.1}


def test_a_history_beyond_the_limit_is_sampled_and_whole_beside(folder, cwd):
    (folder / "metrics.jsonl").write_text("".join(f'{{"step":{i},"loss":{i}}}\n' for i in range(3000)))
    found = collected(folder, cwd, limit=20_000)
    assert (found.rows_total, found.rows_kept) == (3000, 1000)
    assert found.whole.read_bytes().count(b"\n") == 3001
    assert xxh3_128_hexdigest(found.whole.read_bytes()) == found.digest


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
    written(cwd / "metrics.json", '{"acc": 0.9}')
    found = collected(folder, cwd, "metrics.json", before={"metrics.json": noted(cwd / "metrics.json")})
    assert found.summary == {}
    assert found.problems == ("metrics.json: was not written by this run (it is older), so it was not read",)


def test_a_new_file_with_an_old_time_is_read(folder, cwd):
    written(cwd / "metrics.json", '{"acc": 0.9}')
    os.utime(cwd / "metrics.json", (1, 1))
    assert collected(folder, cwd, "metrics.json").summary == {"acc": 0.9}


def test_of_a_file_that_was_appended_to_only_the_new_lines_count_and_that_is_said(folder, cwd):
    written(cwd / "log.jsonl", '{"acc": 0.999}\n')
    before = {"log.jsonl": noted(cwd / "log.jsonl")}
    with (cwd / "log.jsonl").open("a") as file:
        file.write('{"acc": 0.5}\n')
    found = collected(folder, cwd, "log.jsonl", before=before, goal={"acc": "max"})
    assert (found.summary, found.problems) == ({"acc": 0.5}, ())
    (note,) = found.notes
    assert note.startswith("log.jsonl: read from byte 15 on: the lines before were there already. If this run wrote ")
    assert "$GITEXP_OUTPUT" in note


@pytest.mark.parametrize(("text", "more"), [("step,acc\n1,0.5\n2,0.9\n", "1,0.7\n"), ("step,acc\n5,0.5\n", "0,0.7\n")])
def test_where_the_steps_begin_anew_the_lines_before_are_an_earlier_runs_without_a_doubt(folder, cwd, text, more):
    written(cwd / "v.csv", text)
    before = {"v.csv": noted(cwd / "v.csv")}
    with (cwd / "v.csv").open("a") as file:
        file.write(more)
    (note,) = collected(folder, cwd, "v.csv", before=before).notes
    assert note == f"v.csv: read from byte {len(text)} on: the lines before were there already"


@pytest.mark.parametrize("how", ["removed first", "renamed over", "seen shorter"])
def test_a_file_written_anew_that_begins_with_the_old_bytes_is_read_whole_and_that_is_said(folder, cwd, how):
    old, new = "step,acc\n1,0.5\n2,0.9\n", "step,acc\n1,0.5\n2,0.9\n3,0.7\n"
    written(cwd / "v.csv", old)
    before = {"v.csv": noted(cwd / "v.csv")}
    while (cwd / "tick").exists() is False or (cwd / "tick").stat().st_ctime_ns <= before["v.csv"].ctime_ns:
        written(cwd / "tick", "")  # until the file system's clock has moved on, as between two runs
    if how == "removed first":
        (cwd / "v.csv").unlink()
        written(cwd / "v.csv", new)
    elif how == "renamed over":
        written(cwd / "v.tmp", new)
        (cwd / "v.tmp").rename(cwd / "v.csv")
    else:
        written(cwd / "v.csv", new)
    rules = MetricRules(files=("v.csv",), goal={"acc": "max"})
    rewritten = ["v.csv"] if how == "seen shorter" else []
    found = collect(folder=str(folder), cwd=cwd, rules=rules, history_limit=1000, before=before, rewritten=rewritten)
    assert (found.summary, history(found)) == ({"acc": 0.9}, ["1,,0.5", "2,,0.9", "3,,0.7"])
    assert found.notes == ("v.csv: begins as it was before the run, but was written anew: read whole",)


def test_a_file_made_in_the_very_tick_in_which_it_was_written_is_no_later_one(folder, cwd):
    for number in range(20):
        written(cwd / f"{number}.csv", "acc\n0.5\n")
    before = {f"{number}.csv": noted(cwd / f"{number}.csv") for number in range(20)}
    for number in range(20):
        with (cwd / f"{number}.csv").open("a") as file:
            file.write("0.25\n")
    assert set(history(collected(folder, cwd, "*.csv", before=before))) == {",,0.25"}


def test_an_older_file_moved_to_the_name_and_appended_to_is_not_this_runs(folder, cwd):
    written(cwd / "kept.csv", "step,acc\n1,0.5\n")
    written(cwd / "v.csv", "step,acc\n1,0.5\n")
    before = {"v.csv": noted(cwd / "v.csv")}
    (cwd / "kept.csv").rename(cwd / "v.csv")
    with (cwd / "v.csv").open("a") as file:
        file.write("1,0.25\n")
    assert history(collected(folder, cwd, "v.csv", before=before)) == ["1,,0.25"]


def test_a_file_in_the_runs_own_output_folder_is_read(folder, cwd):
    written(folder / "saved/logs/a.csv", "acc\n0.5\n")
    assert history(collected(folder, cwd, "$GITEXP_OUTPUT/logs/a.csv")) == [",,0.5"]
    assert history(collected(folder, cwd, "$GITEXP_OUTPUT/**/*.csv")) == [",,0.5"]


@pytest.mark.parametrize("how", ["rewritten", "truncated and appended to", "renamed over"])
def test_a_file_that_was_rewritten_is_read_whole(folder, cwd, how):
    written(cwd / "log.jsonl", '{"acc": 0.999}\n')
    before = {"log.jsonl": noted(cwd / "log.jsonl")}
    new = '{"acc": 0.5}\n{"acc": 0.25}\n'
    if how == "renamed over":
        written(cwd / "other", new)
        (cwd / "other").rename(cwd / "log.jsonl")
    elif how == "rewritten":
        written(cwd / "log.jsonl", new)
    else:
        os.truncate(cwd / "log.jsonl", 0)
        with (cwd / "log.jsonl").open("a") as file:
            file.write(new)
    found = collected(folder, cwd, "log.jsonl", before=before)
    assert (history(found), found.notes) == ([",,0.5", ",,0.25"], ())


def test_the_same_bytes_written_anew_are_read_and_that_is_said(folder, cwd):
    written(cwd / "m.json", '{"acc": 0.5}')
    before = {"m.json": noted(cwd / "m.json")}
    os.utime(cwd / "m.json", (1, 1))
    found = collected(folder, cwd, "m.json", before=before)
    assert (found.summary, found.problems) == ({"acc": 0.5}, ())
    assert found.notes == ("m.json: has the bytes that were there before the run; taken as written anew",)


def test_a_file_behind_two_names_is_read_once(folder, cwd):
    written(cwd / "a.jsonl", '{"acc": 0.5}\n')
    os.link(cwd / "a.jsonl", cwd / "b.jsonl")
    (cwd / "c.jsonl").symlink_to("a.jsonl")
    assert history(collected(folder, cwd, "*.jsonl")) == [",,0.5"]


def named(*names: str, **rules: dict[str, str]) -> MetricRules:
    return MetricRules(files=("m.json",), named=names, **rules)


def test_what_the_recipe_names_and_the_run_did_not_log_is_said_with_what_was_looked_at(folder, cwd):
    written(cwd / "m.json", '{"acc": "0.95", "losses": 0.5}')
    rules = named("acc", "loss", "seen", output={"seen": r"seen (\S+)"})
    found = collect(folder=str(folder), cwd=cwd, rules=rules, history_limit=1000)
    assert found.problems == (
        "acc was not logged as a number: it is the text '0.95' in m.json",
        "loss, which the recipe names, was not logged; looked in GITEXP_METRICS, the program's output, m.json;"
        " did you mean losses?",
        "seen was not logged: no line of the output matched 'seen (\\\\S+)' ([metrics] output)",
    )


def test_a_run_that_failed_before_it_logged_anything_has_no_word_about_its_metrics(folder, cwd):
    written(cwd / "m.json", "{}")
    found = collect(folder=str(folder), cwd=cwd, rules=named("acc"), history_limit=1000, completed=False)
    assert found.problems == ("m.json: holds no numbers",)


def test_rows_that_several_processes_wrote_are_sorted_whatever_their_number(folder, cwd, monkeypatch):
    monkeypatch.setattr("gitexp.record.timeorder._RUN", 100)
    lines = [f'{{"n":{i},"time_s":{i ^ 5}}}\n' for i in range(1000)]
    (folder / "metrics.jsonl").write_text("".join(lines))
    (folder / "matched.jsonl").write_text('{"m":1,"time_s":500.5}\n')
    found = collected(folder, cwd)
    times = [float(line.split(",")[1]) for line in history(found)]
    assert (times, found.rows_total) == (sorted(times), 1001)
    assert list((folder / "record").glob(".spool*")) == []


def test_the_summary_of_several_files_is_of_one_step(folder, cwd):
    written(cwd / "train.csv", "step,loss\n1,0.9\n2,0.5\n3,0.1\n")
    written(cwd / "val.csv", "step,acc\n1,0.5\n2,0.9\n3,0.7\n")
    found = collected(folder, cwd, "train.csv", "val.csv", goal={"acc": "max"})
    assert found.summary == {"loss": 0.5, "acc": 0.9}
    assert found.judged == ("acc", "max", 5, 2)


def test_a_pattern_reads_this_runs_files_and_passes_over_earlier_ones(folder, cwd):
    written(cwd / "logs/version_0/metrics.csv", "acc\n0.1\n")
    before = {"logs/version_0/metrics.csv": noted(cwd / "logs/version_0/metrics.csv")}
    written(cwd / "logs/version_1/metrics.csv", "step,acc\n1,0.2\n")
    written(cwd / "logs/version_2/metrics.csv", "step,acc\n2,0.3\n")
    found = collected(folder, cwd, "logs/**/metrics.csv", "logs/version_1/*.csv", before=before)
    assert history(found) == ["1,,0.2", "2,,0.3"]
    assert found.problems == ()


def test_a_pattern_that_matches_only_earlier_files_is_a_problem(folder, cwd):
    written(cwd / "a.csv", "acc\n0.1\n")
    assert collected(folder, cwd, "*.csv", before={"a.csv": noted(cwd / "a.csv")}).problems == (
        "*.csv: this run wrote no file that matches",
    )


def test_a_name_with_brackets_that_exists_is_that_file(folder, cwd):
    written(cwd / "m[1].json", '{"acc": 1}')
    assert collected(folder, cwd, "m[1].json").summary == {"acc": 1}


def test_what_is_no_file_or_too_large_is_not_read(folder, cwd):
    (cwd / "dir.json").mkdir()
    os.mkfifo(cwd / "pipe.json")
    (cwd / "big.json").write_bytes(b'{"a": "' + b"x" * 64 * 2**20 + b'"}')
    assert collected(folder, cwd, "dir.json", "pipe.json", "big.json").problems == (
        "dir.json: cannot be read: it is a folder",
        "pipe.json: cannot be read: it is a FIFO, a socket or a device",
        "big.json: is a JSON document of more than 64 MiB, so it was not read",
    )


def test_a_metric_with_a_goal_that_ends_as_no_number_is_a_problem_whatever_its_best_was(folder, cwd):
    written(
        folder / "metrics.jsonl", '{"acc": 0.9, "loss": 1.0, "lr": 0.1}\n{"acc": NaN, "loss": Infinity, "lr": NaN}\n'
    )
    found = collected(folder, cwd, goal={"acc": "max", "loss": "min"})
    assert found.problems == ("acc, which has a goal, ended as nan", "loss, which has a goal, ended as inf")
    written(folder / "metrics.jsonl", '{"acc": NaN}\n{"acc": 0.9}\n')
    assert collected(folder, cwd, goal={"acc": "max"}).problems == ()


def test_only_metrics_that_keys_has_and_ignore_has_not_are_recorded(folder, cwd):
    line = '{"step":%d,"val.acc":0.5,"val.acc[digit=3]":0.25,"val.lr":0.1,"loss":2.0,"grad":3.0}\n'
    (folder / "metrics.jsonl").write_text(line % 1 + '{"step":2,"grad":4.0}\n' + line % 3)
    found = collected(folder, cwd, keys=("val.*", "loss"), ignore=("*lr*",))
    assert found.summary == {"val.acc": 0.5, "val.acc[digit=3]": 0.25, "loss": 2.0}
    assert found.history_csv == b"step,time_s,val.acc,val.acc[digit=3],loss\n1,,0.5,0.25,2.0\n3,,0.5,0.25,2.0\n"
    assert (found.rows_total, found.problems, found.notes) == (2, (), ())


def test_a_slice_goes_by_the_pattern_of_its_metric(folder, cwd):
    (folder / "metrics.jsonl").write_text('{"acc":0.5,"acc[digit=3]":0.25,"f1[digit=3]":1.0}\n')
    assert collected(folder, cwd, keys=("acc", "f1[digit=3]")).summary == {
        "acc": 0.5,
        "acc[digit=3]": 0.25,
        "f1[digit=3]": 1.0,
    }
    assert collected(folder, cwd, ignore=("acc",)).summary == {"f1[digit=3]": 1.0}


def test_what_the_recipe_names_is_recorded_whatever_keys_and_ignore_say(folder, cwd):
    (folder / "metrics.jsonl").write_text('{"acc":0.5,"loss":1.0,"lr":0.1,"n":3,"other":1}\n')
    rules = {"goal": {"acc": "max"}, "summary": {"lr": "last"}, "output": {"n": "n=(.)"}, "keys": ("loss",)}
    assert collected(folder, cwd, ignore=("*",), **rules).summary == {"acc": 0.5, "lr": 0.1, "n": 3}


def test_a_pattern_that_matches_no_metric_is_said(folder, cwd):
    (folder / "metrics.jsonl").write_text('{"acc":0.5,"loss":1.0}\n')
    found = collected(folder, cwd, keys=("val.*", "loss"), ignore=("lr",))
    assert found.problems == ("no metric matches val.* of [metrics] keys; there were acc, loss",)
    assert found.notes == ("no metric matches lr of [metrics] ignore",)


def test_a_pattern_that_matches_a_metric_with_a_goal_has_matched(folder, cwd):
    (folder / "metrics.jsonl").write_text('{"loss":1.0}\n')
    found = collected(folder, cwd, keys=("loss",), goal={"loss": "min"})
    assert (found.summary, found.problems) == ({"loss": 1.0}, ())


def test_settings_in_a_document_are_no_metrics_unless_they_are_asked_for(folder, cwd):
    text = '{"acc": 0.5, "config": {"lr": 0.1, "model": {"d": 64}, "name": "x"}, "eval": {"args": {"n": 3}, "f1": 0.7}}'
    written(cwd / "results.json", text)
    found = collected(folder, cwd, "results.json")
    assert found.summary == {"acc": 0.5, "eval.f1": 0.7}
    assert found.notes == (
        "results.json: 3 numbers of config, eval.args taken for settings and not for metrics;"
        ' [metrics] keys = ["*"] takes them, too',
    )
    everything = {"acc": 0.5, "config.lr": 0.1, "config.model.d": 64, "eval.args.n": 3, "eval.f1": 0.7}
    assert collected(folder, cwd, "results.json", keys=("*",)).summary == everything
    assert collected(folder, cwd, "results.json", goal={"config.lr": "min"}).summary == {
        "acc": 0.5,
        "config.lr": 0.1,
        "eval.f1": 0.7,
    }
    some = collected(folder, cwd, "results.json", keys=("acc", "config.model.*"))
    assert (some.summary, some.notes) == ({"acc": 0.5, "config.model.d": 64}, ())
