"""What people type for a run, and what they are told when it is no run or more than one."""

from __future__ import annotations

import pytest
from harness import Lab
from records import RECIPE, write_run

from gitexp.clone import Clone
from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.select import AmbiguousRun, History, UnknownRun
from gitexp.spec.config import Config

A, B, C, D = "kkkkllllmmmmnnnn", "kkkkoooowwwwxxxx", "zzzzoooowwwwxxxx", "lllloooowwwwxxxx"


@pytest.fixture
def history(fresh: Lab, repo: Repo, reader: ObjectReader) -> History:
    """Four runs; the newest is a smoke run, the one before it failed."""
    write_run(fresh, A, finished="2026-11-20T10:00:00Z", metrics={"val.acc": 0.9, "loss": 3.0})
    write_run(fresh, B, finished="2026-11-20T11:00:00Z", metrics={"val.acc": 0.8}, recipe="other")
    write_run(fresh, C, finished="2026-11-20T12:00:00Z", metrics={"val.acc": 0.99}, status="failed", exit_code=1)
    write_run(fresh, D, finished="2026-11-20T13:00:00Z", metrics={"val.acc": 0.999}, kind="smoke")
    return History(Clone(repo, Config()), reader=reader)


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("latest", C),
        ("latest~0", C),
        ("latest~", B),
        ("latest~1", B),
        ("latest~2", A),
        ("best:val.acc", A),
        ("best:val.acc@other", B),
        (A, A),
        ("kkkkl", A),
        ("llll", D),
        ("zzzz/1", C),
        ("experiments", D),
        ("experiments~3", A),
    ],
)
def test_a_run_is_named(history: History, text: str, run: str) -> None:
    assert history.select(text).id == run


def test_a_record_that_nobody_can_read_is_named_and_does_not_stand_for_latest(history: History, fresh: Lab) -> None:
    strange = "qqqqllllmmmmnnnn"
    write_run(fresh, strange, finished="2026-11-20T14:00:00Z", files={"run.toml": "format = 2\n"})
    told: list[GitexpError] = []
    again = History(Clone(history.repo, Config()), reader=history.reader, tell=told.append)
    assert again.select("latest").id == C
    [warning] = told
    assert (warning.what.startswith(f"Run {strange} cannot be read: "), warning.fix) == (True, "")


def test_a_beginning_that_fits_two_runs_lists_both(history: History) -> None:
    with pytest.raises(AmbiguousRun) as caught:
        history.select("kkkk")
    assert A in caught.value.details[0] and B in caught.value.details[1]
    assert caught.value.fix == "type more letters"


def test_three_letters_are_too_few(history: History) -> None:
    with pytest.raises(UnknownRun, match="too short: 4 letters"):
        history.select("kkk")


def test_an_unknown_run_names_one_that_is_near(history: History) -> None:
    with pytest.raises(UnknownRun) as caught:
        history.select("zzzzoooowwwwxxxk")
    assert C in caught.value.details[0]


def test_the_name_of_a_recipe_is_recognised(history: History) -> None:
    with pytest.raises(UnknownRun) as caught:
        history.select("other")
    assert "is a recipe" in caught.value.details[0] and B in caught.value.details[0]


def test_a_commit_that_is_no_run_is_said_to_be_none(history: History) -> None:
    with pytest.raises(UnknownRun, match="and that is no run"):
        history.select("main")


def test_more_steps_back_than_there_are_runs(history: History) -> None:
    with pytest.raises(UnknownRun, match="not that many runs: latest~3"):
        history.select("latest~3")


def test_a_metric_that_no_run_has_names_those_there_are(history: History) -> None:
    with pytest.raises(UnknownRun) as caught:
        history.select("best:accuracy")
    assert caught.value.details == ("metrics there are: loss, val.acc",)
    with pytest.raises(UnknownRun, match=r"has a metric 'val.ac'; did you mean val.acc\?"):
        history.select("best:val.ac")


def test_best_alone_asks_by_which_metric(history: History) -> None:
    for text in ("best", "best:"):
        with pytest.raises(UnknownRun, match=r"The best run by which metric\?") as caught:
            history.select(text)
        assert caught.value.fix == "best:loss\nbest:val.acc"


def test_best_without_a_goal_says_how_to_state_one(history: History) -> None:
    with pytest.raises(GitexpError) as caught:
        history.select("best:loss")
    assert caught.value.fix == 'goal = {loss = "max"}'
    history.goals = {"val.acc": "max"}
    with pytest.raises(GitexpError) as caught:
        history.select("best:loss")
    assert caught.value.fix == 'goal = {"val.acc" = "max", loss = "max"}'


def test_the_goal_of_gitexp_toml_serves_where_the_recipe_has_none(history: History) -> None:
    history.goals = {"loss": "min"}
    assert history.select("best:loss").id == A


def test_the_goal_of_the_recipe_wins_over_gitexp_toml(history: History) -> None:
    history.goals = {"val.acc": "min"}
    assert history.select("best:val.acc").id == A


def test_a_remote_that_was_never_fetched_is_named(history: History) -> None:
    with pytest.raises(UnknownRun) as caught:
        history.select("lab-b/latest")
    assert caught.value.fix == "gitexp pull lab-b"


def test_the_latest_run_of_a_remote(fresh: Lab, history: History) -> None:
    fresh.git("update-ref", "refs/remotes/lab-b/experiments", "experiments~3")
    again = History(Clone(history.repo, Config()), reader=history.reader)
    assert again.select("lab-b/latest").id == A


def test_the_id_means_its_highest_attempt(fresh: Lab, history: History) -> None:
    second = write_run(fresh, A, finished="2026-11-21T10:00:00Z", attempt=2)
    again = History(Clone(history.repo, Config()), reader=history.reader)
    assert again.select(A).commit == second
    assert again.select(f"{A}/1").finished == 1795168800.0
    with pytest.raises(UnknownRun, match="has no attempt 3"):
        again.select(f"{A}/3")


def test_two_commits_under_one_key_are_a_conflict(fresh: Lab, history: History) -> None:
    other = write_run(fresh, A, finished="2026-11-21T10:00:00Z")
    again = History(Clone(history.repo, Config()), reader=history.reader)
    with pytest.raises(AmbiguousRun, match="2 different commits claim to be attempt 1"):
        again.select(A)
    assert again.select(other).commit == other


def test_nan_is_never_the_best(fresh: Lab, history: History) -> None:
    write_run(fresh, "mmmmoooowwwwxxxx", finished="2026-11-21T10:00:00Z", files={"metrics.toml": '"val.acc" = nan\n'})
    again = History(Clone(history.repo, Config()), reader=history.reader)
    assert again.select("best:val.acc").id == A


def test_without_any_run_the_command_that_makes_one_is_named(repo: Repo, reader: ObjectReader) -> None:
    history = History(Clone(repo, Config()), reader=reader)
    for text in ("latest", "kkkkllll", "nonsense"):
        with pytest.raises(UnknownRun) as caught:
            history.select(text)
        assert caught.value.what == "There are no runs yet"
        assert "gitexp run" in caught.value.fix


def test_a_goal_that_is_no_direction_is_ignored(fresh: Lab, history: History) -> None:
    write_run(
        fresh,
        "mmmmoooowwwwxxxx",
        finished="2026-11-21T10:00:00Z",
        recipe="odd",
        metrics={"f1": 0.5},
        files={"recipe.toml": RECIPE.replace('"val.acc" = "max"', '"f1" = "up"')},
    )
    again = History(Clone(history.repo, Config()), reader=history.reader)
    with pytest.raises(GitexpError, match="Is a high or a low 'f1' better"):
        again.select("best:f1")


def test_best_of_a_recipe_that_has_no_runs_names_those_that_have(history: History) -> None:
    with pytest.raises(UnknownRun) as caught:
        history.select("best:val.acc@nope")
    assert caught.value.what == "There is no run of a recipe 'nope'"
    assert caught.value.details == ("recipes there are: digits, other",)


def test_a_metric_that_no_completed_run_has_a_number_of_is_not_called_missing(fresh: Lab, history: History) -> None:
    nan = {"metrics.toml": "f1 = nan\n"}
    write_run(fresh, "mmmmoooowwwwxxxx", finished="2026-11-21T10:00:00Z", recipe="odd", files=nan)
    lost = {"metrics.toml": "f2 = 1.0\n"}
    write_run(fresh, "mmmmoooowwwwxxxy", finished="2026-11-21T11:00:00Z", status="failed", files=lost)
    again = History(Clone(history.repo, Config()), reader=history.reader)
    with pytest.raises(UnknownRun) as caught:
        again.select("best:f1@odd")
    assert caught.value.what == "'f1' is NaN in every completed run of 'odd'"
    with pytest.raises(UnknownRun) as caught:
        again.select("best:f2")
    assert caught.value.what == "No completed run has 'f2'; it was logged by runs that are failed"


def test_a_metric_may_have_an_at_sign_in_its_name(fresh: Lab, history: History) -> None:
    write_run(fresh, "mmmmoooowwwwxxxx", finished="2026-11-21T10:00:00Z", files={"metrics.toml": '"acc@5" = 0.5\n'})
    again = History(Clone(history.repo, Config(goal={"acc@5": "max"})), reader=history.reader)
    assert again.select("best:acc@5").id == "mmmmoooowwwwxxxx"
