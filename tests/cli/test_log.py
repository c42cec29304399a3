"""`gitexp log`: which runs, in which order, what is said of each."""

from __future__ import annotations

from typing import Any

import pexpect
import pytest
from harness import GITEXP, Gitexp, Lab, Result
from records import ENVIRONMENT, RECIPE, run_toml, write_run

A, B, C = "kkkkllllmmmmnnnn", "lllloooowwwwxxxx", "zzzzoooowwwwxxxx"


def listed(result: Result) -> list[str]:
    """The first column."""
    assert result.exit_code == 0, result.stderr
    return [line.split()[0] for line in result.stdout.splitlines()[1:]]


def write_three(lab: Lab) -> None:
    write_run(lab, A, finished="2026-11-20T10:00:00Z", metrics={"val.acc": 0.9, "loss": 1.5}, duration_s=60.0)
    write_run(
        lab,
        B,
        finished="2026-11-20T11:00:00Z",
        metrics={"val.acc": 0.95},
        duration_s=120.0,
        message="twice the rate",
        files={"recipe.toml": RECIPE.replace("0.01", "0.02")},
    )
    write_run(
        lab, C, finished="2026-11-20T12:00:00Z", metrics={}, status="failed", exit_code=1, recipe="other", clean=False
    )


def test_runs_are_listed_newest_first_with_their_values(fresh: Lab, gitexp: Gitexp) -> None:
    write_three(fresh)
    result = gitexp("log")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["run", "when", "author", "status", "recipe", "lr", "changed", "val.acc", "loss", "message"],
        ["zzzzoooo", "2026-11-20", "12:00:00Z", "Ada", "failed", "other", "0.01", "dirty,", "first", "-", "-", "-"],
        ["lllloooo", "2026-11-20", "11:00:00Z", "Ada", "completed", "digits", "0.02", "optimizer.lr", "0.01→0.02",
         "0.95*", "-", "twice", "the", "rate"],
        ["kkkkllll", "2026-11-20", "10:00:00Z", "Ada", "completed", "digits", "0.01", "first", "0.9", "1.5", "-"],
    ]  # fmt: skip
    assert result.stderr == ""


def test_filters_choose_by_recipe_and_status(fresh: Lab, gitexp: Gitexp) -> None:
    write_three(fresh)
    assert listed(gitexp("log", "--recipe", "digits")) == ["lllloooo", "kkkkllll"]
    assert listed(gitexp("log", "--status", "failed")) == ["zzzzoooo"]


def test_a_number_of_runs_is_shown_and_the_rest_is_counted(fresh: Lab, gitexp: Gitexp) -> None:
    write_three(fresh)
    result = gitexp("log", "-n", "1")
    assert listed(result) == ["zzzzoooo"]
    assert result.stderr == "1 of 3 runs; -n 3 shows all of them\n"


def test_sorting_puts_the_best_first_and_runs_without_the_metric_last(fresh: Lab, gitexp: Gitexp) -> None:
    write_three(fresh)
    assert listed(gitexp("log", "--sort", "val.acc")) == ["lllloooo", "kkkkllll", "zzzzoooo"]
    fresh.write("gitexp.toml", '[metrics]\ngoal = { "loss" = "min" }\n')
    assert listed(gitexp("log", "--sort", "loss"))[0] == "kkkkllll"


def test_sorting_by_a_metric_without_a_goal_says_how_to_state_one(fresh: Lab, gitexp: Gitexp) -> None:
    write_three(fresh)
    result = gitexp("log", "--sort", "loss")
    assert result.exit_code == 1
    assert 'goal = {loss = "max"}' in result.stderr


def test_sorting_by_an_unknown_metric_names_those_there_are(fresh: Lab, gitexp: Gitexp) -> None:
    write_three(fresh)
    result = gitexp("log", "--sort", "accuracy")
    assert result.exit_code == 1
    assert "metrics there are: loss, val.acc" in result.stderr
    for command in (["log", "--sort", "acc"], ["log", "--by", "seed", "--sort", "acc"], ["plot", "acc"]):
        assert "has a metric 'acc'; did you mean val.acc?" in gitexp(*command).stderr
    result = gitexp("diff", A, B, "--metric", "acc")
    assert "has a metric 'acc'; did you mean val.acc?" in result.stderr


def test_smoke_runs_are_left_out_unless_all_are_wanted(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, finished="2026-11-20T10:00:00Z")
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", kind="smoke")
    assert listed(gitexp("log")) == ["kkkkllll"]
    assert listed(gitexp("log", "--all")) == ["lllloooo", "kkkkllll"]


def test_a_smoke_run_is_called_one_and_is_never_the_best(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, finished="2026-11-20T10:00:00Z", metrics={"val.acc": 0.25})
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", metrics={"val.acc": 0.75}, kind="smoke")
    write_run(fresh, C, finished="2026-11-20T12:00:00Z", metrics={"val.acc": 0.75})
    lines = gitexp("log", "--all").stdout.splitlines()[1:]
    assert ["completed (smoke)" in line for line in lines] == [False, True, False]
    assert ["0.75*" in line for line in lines] == [True, False, False]


def test_letters_are_added_until_ids_are_unique(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, "kkkkllllmmmmnnnn", finished="2026-11-20T10:00:00Z")
    write_run(fresh, "kkkkllllmmzzzzzz", finished="2026-11-20T11:00:00Z")
    assert listed(gitexp("log")) == ["kkkkllllmmz", "kkkkllllmmm"]


def test_changed_code_and_data_are_named(fresh: Lab, gitexp: Gitexp) -> None:
    data = '[digits]\npath = "d"\ndigest = "xxh128:{}"\n'
    write_run(fresh, A, finished="2026-11-20T10:00:00Z", files={"data.toml": data.format("1" * 32)})
    fresh.write("train.py", "new\n")
    fresh.commit()
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", files={"data.toml": data.format("2" * 32)})
    assert "code, data digits" in gitexp("log").stdout


def test_the_same_inputs_are_said_to_be_the_same(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, finished="2026-11-20T10:00:00Z")
    write_run(fresh, B, finished="2026-11-20T11:00:00Z")
    assert "same inputs" in gitexp("log").stdout.splitlines()[1]


def test_packages_that_differ_are_no_same_inputs(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, finished="2026-11-20T10:00:00Z")
    other = ENVIRONMENT.replace('numpy = "2.1.0"', 'numpy = "2.2.0"')
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", files={"environment.toml": other})
    assert gitexp("log").stdout.splitlines()[1].split()[-2] == "packages"
    assert "changed   packages  against kkkkllll" in gitexp("show", B).stdout
    hardware = other.replace("cores = 2", "cores = 4")
    write_run(fresh, C, finished="2026-11-20T12:00:00Z", files={"environment.toml": hardware})
    assert gitexp("log").stdout.splitlines()[1].split()[-2] == "environment"


def test_what_was_measured_is_no_other_environment(fresh: Lab, gitexp: Gitexp) -> None:
    for run_id, hour, rate, level in ((A, 10, 1.5, "seeded"), (B, 11, 2.5, "seeded"), (C, 12, 2.5, "bitwise")):
        text = f'{ENVIRONMENT}\n[training]\nsteps_per_s = {rate}\nlevel = "{level}"\n'
        write_run(fresh, run_id, finished=f"2026-11-20T{hour}:00:00Z", files={"environment.toml": text})
    lines = gitexp("log").stdout.splitlines()
    assert "environment" in lines[1]
    assert "same inputs" in lines[2]


def test_packages_that_nobody_could_ask_about_are_not_recorded(fresh: Lab, gitexp: Gitexp) -> None:
    shell = {"environment.toml": 'probed = "unknown"\n'}
    write_run(fresh, A, finished="2026-11-20T10:00:00Z", files=shell)
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", files=shell)
    assert "packages not recorded" in gitexp("log").stdout.splitlines()[1]
    assert "changed   packages not recorded  against kkkkllll" in gitexp("show", B).stdout
    assert "environment  not recorded" in gitexp("diff", A, B).stdout
    assert "same inputs" not in gitexp("log").stdout + gitexp("show", B).stdout


def test_other_held_out_rows_are_not_comparable(fresh: Lab, gitexp: Gitexp) -> None:
    for run_id, hour, rows in ((A, 10, 3), (B, 11, 2)):
        text = run_toml(run_id, finished=f"2026-11-20T{hour}:00:00Z", recipe="digits", status="completed")
        files = {"run.toml": f"{text}[splits.val]\nrows = {rows}\n"}
        write_run(fresh, run_id, finished=f"2026-11-20T{hour}:00:00Z", metrics={"val.acc": rows / 10}, files=files)
    assert "held-out rows differ: not comparable" in gitexp("log").stdout.splitlines()[1]
    assert "! held-out rows differ: not comparable (val)\n" in gitexp("diff", A, B).stdout
    shown = gitexp("show", B).stdout
    assert "the run before it of this recipe; held-out rows differ: not comparable" in shown
    assert "goal" not in gitexp("diff", A, B).stdout + shown


@pytest.mark.parametrize("stated_in", ["run.toml", "data.toml"])
def test_the_best_is_told_among_runs_with_the_same_held_out_rows(fresh: Lab, gitexp: Gitexp, stated_in: str) -> None:
    for run_id, hour, rows, value in ((A, 10, 3, 0.5), (B, 11, 2, 0.9), (C, 12, 3, 0.6)):
        time = f"2026-11-20T{hour}:00:00Z"
        said = {
            "run.toml": run_toml(run_id, finished=time, recipe="digits", status="completed")
            + f"[splits.val]\nrows = {rows}\n",
            "data.toml": f"[d]\ndigest = 'xxh128:{'1' * 32}'\n[d.split.val]\nrows = 3\n"
            f"digest = 'xxh128:{str(rows) * 32}'\n",
        }
        files = {"recipe.toml": RECIPE, stated_in: said[stated_in]}
        write_run(fresh, run_id, finished=time, recipe="digits", metrics={"val.acc": value}, files=files)
    assert [line.split()[-1] for line in gitexp("log").stdout.splitlines()[1:]] == ["0.6*", "0.9", "0.5"]
    best = gitexp("show", "best:val.acc")
    assert best.stderr == (
        f"warning: {B} is the best by 'val.acc', but 2 runs compared with it had other held-out rows: not comparable\n"
    )


def test_a_record_cannot_write_to_the_terminal(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, recipe="x\x1b]0;title\x07", message="\x1b[2J", author="E\x1b[8mve <e@example.org>")
    for args in (["log"], ["log", "--csv"], ["log", "--json"], ["log", "--summary"], ["show"], ["show", "--json"]):
        result = gitexp(*args)
        assert result.exit_code == 0
        assert "\x1b" not in result.stdout and "\x07" not in result.stdout
    assert "x\\x1b]0;title\\x07" in gitexp("log").stdout


def test_a_newer_record_is_listed_with_the_reason(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, files={"run.toml": "format = 2\n"})
    assert "run.toml was written in record format 2; this gitexp reads up to 1" in gitexp("log").stdout


def test_the_summary_has_a_line_for_each_recipe(fresh: Lab, gitexp: Gitexp) -> None:
    write_three(fresh)
    lines = [line.split() for line in gitexp("log", "--summary").stdout.splitlines()]
    assert lines[1:] == [
        ["other", "1", "0", "1", "0", "100", "%", "0.0", "s", "2026-11-20", "12:00:00Z"],
        ["digits", "2", "2", "0", "0", "0", "%", "3m", "00s", "2026-11-20", "11:00:00Z"],
        ["all", "3", "2", "1", "0", "33", "%", "3m", "00s"],
    ]


def test_json_has_every_run_with_the_keys_of_run_toml(fresh: Lab, gitexp: Gitexp) -> None:
    commit = write_run(fresh, A, files={"metrics.toml": '"val.acc" = nan\n"loss" = -inf\n"n" = 3\n'})
    document: dict[str, Any] = gitexp("log", "--json").json
    assert document == {
        "format": 1,
        "runs": [
            {
                "format": 1,
                "id": A,
                "attempt": 1,
                "kind": "run",
                "status": "completed",
                "recipe": "digits",
                "started": "2026-11-20T10:00:00Z",
                "finished": "2026-11-20T10:00:00Z",
                "finished_is_last_sign": False,
                "argv": ["python", "train.py"],
                "cwd": ".",
                "seed": 1,
                "code": {"clean": True},
                "commit": commit,
                "author": "Ada <ada@example.org>",
                "metrics": {"val.acc": "nan", "loss": "-inf", "n": 3},
                "settings": {"script": "train.py", "seed": 1, "optimizer.lr": 0.01},
                "said": {"tags": [], "notes": [], "retracted": None, "baseline": [], "decisions": []},
                "reproduced": 0,
            }
        ],
    }


def test_json_lists_unreadable_runs_too(fresh: Lab, gitexp: Gitexp) -> None:
    commit = write_run(fresh, A, files={"run.toml": None})
    assert gitexp("log", "--json").json["runs"] == [
        {"id": A, "commit": commit, "status": "unreadable", "metrics": {}, "problems": ["run.toml is missing"]}
    ]


def test_csv_has_a_column_for_each_metric_and_no_formulas(fresh: Lab, gitexp: Gitexp) -> None:
    commit = write_run(fresh, A, metrics={"acc": 0.5}, recipe="=cmd()", message='say "hi", all', duration_s=1.5)
    assert gitexp("log", "--csv").stdout == (
        "run,attempt,commit,finished,author,status,kind,recipe,seed,duration_s,clean,message,acc,"
        "script,setting:seed,optimizer.lr,said.tag,said.outcome,said.note,said.retracted\n"
        f"{A},1,{commit},2026-11-20T10:00:00Z,Ada,completed,run,'=cmd(),1,1.5,true,"
        '"say ""hi"", all",0.5,train.py,1,0.01,,,,\n'
    )


def test_without_runs_the_command_that_makes_one_is_named(gitexp: Gitexp) -> None:
    result = gitexp("log")
    assert result.exit_code == 1
    assert "There are no runs yet" in result.stderr and "gitexp run" in result.stderr


def test_json_without_runs_is_an_empty_list(gitexp: Gitexp) -> None:
    result = gitexp("log", "--json")
    assert (result.exit_code, result.json) == (0, {"format": 1, "runs": []})


def test_when_no_run_fits_that_is_said_on_stderr(fresh: Lab, gitexp: Gitexp) -> None:
    write_three(fresh)
    result = gitexp("log", "--recipe", "nothing")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "No run fits; recipes there are: digits, other\n"


def test_where_there_are_smoke_runs_alone_that_is_said(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, kind="smoke")
    result = gitexp("log")
    assert result.stderr == "No run fits (smoke runs are left out without --smoke); recipes there are: digits\n"
    latest = gitexp("note", "latest", "-m", "tried")
    assert latest.exit_code == 1
    assert latest.stderr == (
        "error: There are smoke runs alone, and none of them is the latest run\n"
        f"fix:   gitexp show {A}\n       gitexp log --smoke    lists them\n"
    )


def test_a_clone_lists_the_runs_of_its_remote(fresh: Lab, gitexp: Gitexp, monkeypatch: pytest.MonkeyPatch) -> None:
    write_three(fresh)
    fresh.git("clone", "-q", ".", "../clone")
    monkeypatch.chdir(fresh.path.parent / "clone")
    assert listed(gitexp("log")) == ["zzzzoooo", "lllloooo", "kkkkllll"]


def test_another_branch_is_read_where_git_config_names_it(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, branch="lab/runs")
    fresh.git("config", "gitexp.branch", "lab/runs")
    assert listed(gitexp("log")) == ["kkkkllll"]


def test_a_run_that_is_not_in_a_repository_is_refused(gitexp: Gitexp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    result = gitexp("log")
    assert result.exit_code == 1
    assert "is not inside a git repository" in result.stderr


def test_a_time_that_utc_has_no_year_for_makes_a_record_unreadable(fresh: Lab, gitexp: Gitexp) -> None:
    text = run_toml(A, finished="9999-12-31T23:59:59-12:00", recipe="digits", status="completed")
    write_run(fresh, A, files={"run.toml": text})
    assert "a time lies outside the years 1 to 9999" in gitexp("log").stdout
    assert gitexp("log", "--csv").stdout.splitlines()[1].startswith(f"{A},1,")
    assert gitexp("show", A, "--json").exit_code == 0


def test_metrics_without_end_do_not_flood_the_table(fresh: Lab, gitexp: Gitexp) -> None:
    write_run(fresh, A, metrics={f"m{i}": i for i in range(900)})
    assert len(gitexp("log").stdout.splitlines()[0].split()) == 30
    assert len(gitexp("log", "--json").json["runs"][0]["metrics"]) == 900


def test_long_values_that_begin_alike_are_told_apart_by_their_ends(fresh: Lab, gitexp: Gitexp) -> None:
    one, other = (f'base = "s3://bucket/experiments/model-{n}"\n' for n in "12")
    write_run(fresh, A, finished="2026-11-20T10:00:00Z", files={"recipe.toml": one})
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", files={"recipe.toml": other})
    assert "base …riments/model-1→…riments/model-2" in gitexp("log").stdout


def test_a_summary_without_runs_says_so(gitexp: Gitexp) -> None:
    assert "There are no runs yet" in gitexp("log", "--summary").stderr


def test_an_author_date_that_no_calendar_has_breaks_no_listing(fresh: Lab, gitexp: Gitexp) -> None:
    tree = fresh.git("mktree", feed="").strip()
    message = f"x\n\nGitexp-Run: {A}\n"
    late = Lab(fresh.path, {**fresh.env, "GIT_AUTHOR_DATE": "@99999999999999 +0000"})
    commit = late.git("commit-tree", tree, "-m", message).strip()
    fresh.git("update-ref", "refs/heads/experiments", commit)
    assert gitexp("log").exit_code == 0
    assert gitexp("log", "--csv").stdout.splitlines()[1].startswith(f"{A},1,{commit},9999-12-31T23:59:59Z,")
    assert gitexp("show", "zzzz").exit_code == 1


@pytest.mark.parametrize(
    ("columns", "header"),
    [
        (110, ["run", "when", "author", "status", "recipe", "lr", "changed", "val.acc", "loss"]),
        (80, ["run", "when", "status", "recipe", "lr", "changed", "val.acc", "loss"]),
        (52, ["run", "status", "recipe", "changed", "val.acc"]),
        (40, ["run", "status", "recipe", "val.acc"]),
    ],
)
def test_in_a_narrow_window_author_and_time_give_way_to_the_metric_with_a_goal(
    fresh: Lab, columns: int, header: list[str]
) -> None:
    write_three(fresh)
    terminal = pexpect.spawn(
        GITEXP, ["log"], cwd=str(fresh.path), env={**fresh.env, "TERM": "dumb"}, dimensions=(24, columns)
    )
    assert terminal.read().decode().splitlines()[0].split() == header


def test_a_learning_rate_is_no_metric_to_look_at_first(fresh: Lab, gitexp: Gitexp) -> None:
    for run_id, rate in ((A, 0.1), (B, 0.2)):
        write_run(fresh, run_id, metrics={"lr": rate, "opt/lr-group0": rate, "learning": 1.0, "val.acc": 0.5})
    assert gitexp("log").stdout.splitlines()[0].split()[-2:] == ["val.acc", "learning"]
    metrics = [change["name"] for change in gitexp("diff", A, B, "--json").json["metrics"]]
    assert metrics == ["val.acc", "learning", "lr", "opt/lr-group0"]
