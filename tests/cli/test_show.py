"""`gitexp show` and `gitexp status`: one run, and the runs that are not commits yet."""

from __future__ import annotations

import fcntl
import json
import os
from typing import Any

import pytest
from harness import Gitexp, Lab
from records import RECIPE, write_run

A, B, C = "kkkkllllmmmmnnnn", "lllloooowwwwxxxx", "zzzzoooowwwwxxxx"


def test_the_latest_run_is_shown_with_all_that_is_known(fresh: Lab, gitexp: Gitexp) -> None:
    head = fresh.git("rev-parse", "HEAD").strip()
    write_run(fresh, A, finished="2026-11-20T10:00:00Z", metrics={"val.acc": 0.5})
    commit = write_run(
        fresh,
        B,
        finished="2026-11-20T11:00:00Z",
        metrics={"val.acc": 0.75},
        duration_s=65.0,
        peak_memory_bytes=310_000_000,
        user="ada",
        host="node-1",
        message="twice the rate",
        clean=False,
        defects=["data changed during the run"],
        code_keys={"commit": f"sha1:{head}", "subject": "first commit", "changed": ["a b.py"], "changed_count": 3},
        files={
            "recipe.toml": RECIPE.replace("0.01", "0.02"),
            "data.toml": '[digits]\npath = "d.csv"\ndigest = "xxh128:00"\nfiles = 1\nsize_bytes = 57523\n',
            "artifacts.xxh128": "c" * 32 + "  model.pt\n",
        },
    )
    result = gitexp("show")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for expected in (
        f"run {B} digits completed",
        "memory 310 MB at its peak, the largest process",
        "by ada on node-1",
        "message twice the rate",
        "command python train.py",
        "seed 1",
        f"code {head[:10]} first commit",
        "dirty differed from that commit: a b.py and 2 more",
        f"commit {commit}",
        "metrics against kkkkllll, the run before it of this recipe",
        "val.acc 0.75 0.5 +0.25 +50.0 toward goal",
        "optimizer.lr 0.02 was 0.01",
        "digits d.csv 1 file 57.5 kB xxh128:00",
        "CPython 3.11.2 · 1 package · Example CPU · 2 cores",
        "model.pt not here xxh128:" + "c" * 32,
        "data changed during the run",
        f"git show {commit[:12]}:history.csv every logged step",
    ):
        assert expected in lines


@pytest.mark.parametrize(
    ("keys", "against"),
    [
        ({"kind": "rerun", "reproduces": A}, "its original"),
        ({"kind": "smoke", "reproduces": A}, "its original"),  # of a smoke run
        ({"kind": "rerun", "mixture": {"of": A}}, "the run that it is a mixture of"),
    ],
)
def test_a_rerun_stands_beside_its_original(fresh: Lab, gitexp: Gitexp, keys: dict[str, Any], against: str) -> None:
    write_run(fresh, A, kind="smoke" if keys["kind"] == "smoke" else "run")
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", **keys)
    assert f"against kkkkllll, {against}\n" in gitexp("show", B).stdout


def test_no_line_of_a_page_is_blanks_alone(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, files={"data.toml": '[digits]\npath = "d.csv"\ndigest = "xxh128:00"\nfiles = 1\n'})
    assert [line for line in gitexp("show").stdout.splitlines() if line != line.rstrip()] == []


def test_a_run_that_failed_says_how(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, status="failed", signal="SIGKILL")
    write_run(fresh, B, status="failed", error="cannot run train.py: no such file")
    assert "signal SIGKILL" in gitexp("show", A).stdout
    assert "cannot run train.py: no such file" in gitexp("show", B).stdout


def test_output_is_printed_without_its_control_sequences(fresh: Lab, gitexp: Gitexp) -> None:
    log = b"\x1b[31mred\x1b[0m\r\n 10%\r 100%\nbell\x07 \x1b[2J\xff\n"
    write_run(fresh, A, files={"output.log": log})
    assert gitexp("show", "--output").stdout == "red\n 100%\nbell\\x07 \\x1b[2J\ufffd\n"


def test_a_run_without_recorded_output_says_so(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, files={"output.log": None})
    result = gitexp("show", "--output")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"No output is recorded for {A}" in result.stderr


def test_json_has_recipe_data_environment_and_artifacts(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, files={"artifacts.xxh128": "c" * 32 + "  model.pt\n", "artifacts.sizes": "c" * 32 + "  7\n"})
    run = gitexp("show", "--json").json["run"]
    assert run["id"] == A
    assert run["recipe_values"]["optimizer"] == {"lr": 0.01}
    assert run["environment"]["packages"] == {"numpy": "2.1.0"}
    assert run["artifacts"] == [{"path": "model.pt", "digest": "xxh128:" + "c" * 32, "size_bytes": 7}]
    assert run["code_tree"] == fresh.git("rev-parse", "HEAD^{tree}").strip()


@pytest.mark.parametrize("part", ["recipe.toml", "metrics.toml", "data.toml", "environment.toml", "artifacts.xxh128"])
def test_a_damaged_part_is_named_and_the_rest_is_shown(fresh: Lab, gitexp: Gitexp, part: str) -> None:
    write_run(fresh, A, files={part: "damaged ]"})
    result = gitexp("show")
    assert result.exit_code == 0
    assert f"run {A}" in result.stdout
    assert f"  {part}" in result.stdout.partition("cannot be read")[2]


def test_a_recipe_that_is_nested_without_end_is_named(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, files={"recipe.toml": "[" + ".".join(["a"] * 5000) + "]\nx = 1\n"})
    assert "recipe.toml cannot be read: a key has more than 32 parts" in gitexp("show").stdout


def test_a_newer_record_is_refused_in_one_line(fresh: Lab, gitexp: Gitexp) -> None:
    commit = write_run(fresh, A, files={"run.toml": "format = 2\n"})
    result = gitexp("show", commit)
    assert result.exit_code == 1
    assert "run.toml was written in record format 2; this gitexp reads up to 1" in result.stderr


def test_an_unreadable_record_can_be_looked_at(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, files={"run.toml": "= 1"})
    result = gitexp("show", A)
    assert result.exit_code == 0
    assert "unreadable" in result.stdout and "run.toml is not valid TOML" in result.stdout


def test_status_with_nothing_running_and_no_branch(gitexp: Gitexp) -> None:
    assert gitexp("status").stdout == (
        "nothing is running\nThere is no branch experiments here; `gitexp init` starts it or takes up a remote's.\n"
    )


def in_progress(lab: Lab, run_id: str, **files: str) -> Any:
    folder = lab.path / ".git" / "gitexp" / "runs" / run_id
    folder.mkdir(parents=True)
    submit = {"id": run_id, "recipe": "digits", "argv": ["python", "train.py"], "submitted": 1795168800.0}
    (folder / "submit.json").write_text(json.dumps(submit))
    (folder / "worker.lock").touch()
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def test_status_tells_running_waiting_and_crashed_runs_apart(fresh: Lab, gitexp: Gitexp) -> None:
    running = in_progress(fresh, A, metrics_jsonl='{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n{"st')
    in_progress(fresh, B, outcome_json="{}")
    in_progress(fresh, C, started_json='{"started": 1763632800.0, "pid": 4194305, "host": "h"}')
    held = os.open(running / "worker.lock", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        runs = {run["id"]: run for run in gitexp("status", "--json").json["runs"]}
        page = gitexp("status").stdout
    finally:
        os.close(held)
    assert {name: run["state"] for name, run in runs.items()} == {A: "running", B: "waiting", C: "crashed"}
    assert (runs[A]["step"], runs[A]["metrics"]) == (2, {"loss": 0.25})
    assert runs[A]["started"] == "2026-11-20T10:00:00Z"
    assert "step 2 · loss 0.25" in page
    assert "The next gitexp command records what is waiting or crashed." in page


def test_status_counts_the_runs_that_either_side_has_alone(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A)
    fresh.git("remote", "add", "origin", "../elsewhere.git")
    assert gitexp("status", "--json").json["sharing"] == {
        "branch": "experiments", "remote": "origin",
        "unpushed": 1, "unpushed_events": 0, "unpulled": None, "unpulled_events": None,
    }  # fmt: skip
    fresh.git("update-ref", "refs/remotes/origin/experiments", "experiments")
    assert "experiments is the same here and on origin, as last seen." in gitexp("status").stdout
    write_run(fresh, B)
    assert "1 run not on origin yet: gitexp push" in gitexp("status").stdout
    fresh.git("update-ref", "refs/remotes/origin/experiments", "experiments")
    fresh.git("update-ref", "refs/heads/experiments", "experiments~1")
    assert "1 run of origin not here yet: gitexp pull" in gitexp("status").stdout


def test_status_without_a_remote_says_that_there_is_none(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A)
    assert "1 run on experiments; there is no remote to share them with." in gitexp("status").stdout


def test_a_record_of_endless_lists_makes_a_page_that_ends(fresh: Lab, gitexp: Gitexp) -> None:
    recipe = "".join(f"k{i} = {i}\n" for i in range(5000)) + f'long = "{"x" * 100_000}"\n'
    data = "".join(f'[d{i}]\npath = "x"\ndigest = "xxh128:{i}"\n' for i in range(5000))
    metrics = {f"m{i}": i for i in range(5000)}
    write_run(
        fresh,
        A,
        metrics=metrics,
        message="m" * 50_000 + "\nmore" * 500,
        defects=["d" * 5000] * 500,
        files={"recipe.toml": recipe, "data.toml": data},
    )
    write_run(fresh, B)
    for args in (["show", A], ["diff", A, B], ["diff", B, A]):
        result = gitexp(*args)
        assert result.exit_code == 0
        assert "more; --json has all" in result.stdout
        assert len(result.stdout) < 60_000


def test_a_crashed_run_says_when_it_was_last_alive_and_no_duration(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, status="crashed", finished_is_last_sign=True)
    page = gitexp("show").stdout
    assert "last sign  2026-11-20 10:00:00Z" in page
    assert "ended      nobody saw its end: gitexp was killed, or the machine went down" in page
    assert "took" not in page


def test_status_shows_the_first_metrics_and_no_slices(fresh: Lab, gitexp: Gitexp) -> None:
    line = {"acc[digit=3]": 0.5, "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7}
    running = in_progress(fresh, A, metrics_jsonl=json.dumps(line) + "\n")
    held = os.open(running / "worker.lock", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        page = gitexp("status").stdout
    finally:
        os.close(held)
    assert "  a 1 · b 2 · c 3 · d 4 · e 5 · f 6\n" in page


def test_the_first_of_many_artifacts_are_shown_and_all_are_counted(fresh: Lab, gitexp: Gitexp) -> None:
    many = "".join(f"{'0' * 32}  {number:05}{'x' * 60}\n" for number in range(45_000))
    write_run(fresh, A, files={"artifacts.xxh128": many})
    page = gitexp("show").stdout
    assert f"  00009{'x' * 60}  " in page and "  and 44,990 more\n" in page
    shown = gitexp("show", "--json").json["run"]
    assert (shown["artifacts_count"], len(shown["artifacts"])) == (45_000, 20_000)


def test_status_knows_remotes_with_dots_in_their_names(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A)
    fresh.git("remote", "add", "lab.example", str(fresh.path))
    assert gitexp("status", "--json").json["sharing"]["remote"] == "lab.example"
