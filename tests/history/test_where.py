"""What is typed behind --where: which runs fit, and what is said where it cannot be read."""

from __future__ import annotations

import pytest
from harness import Lab
from records import commit_files, write_run

from gitexp.clone import configured
from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.history.choosing import choose
from gitexp.history.select import History
from gitexp.history.where import best_first

GOAL = '[metrics.goal]\n"val.acc" = "max"\n'
A, B, C = "kkkkllllmmmmnnnn", "llllkkkkmmmmnnnn", "mmmmkkkkmmmmnnnn"


def recipe(lr: str, *, rest: str = "") -> dict[str, str | bytes | None]:
    return {"recipe.toml": f'seed = 1\n[optimizer]\nname = "adam"\nlr = {lr}\nnesterov = true\n{GOAL}{rest}'}


@pytest.fixture
def history(fresh: Lab, repo: Repo, reader: ObjectReader) -> History:
    """Three runs: A, with a low rate; B, with a high one, of Bob; C, of another recipe, which failed."""
    write_run(fresh, A, finished="2026-11-01T10:00:00Z", metrics={"val.acc": 0.9, "lr": 0.1}, files=recipe("1e-4"))
    odd = '[odd]\n\'a"b\' = 7\n"x.y" = "z"\n'
    files = recipe("0.1", rest=odd)
    write_run(fresh, B, finished="2026-11-02T10:00:00Z", metrics={"val.acc": 0.8}, files=files, author="Bob B <b@b.de>")
    write_run(
        fresh, C, finished="2026-11-03T10:00:00Z", metrics={"val.acc": float("nan")}, status="failed", recipe="other",
        exit_code=1, message="too hot",
    )  # fmt: skip
    return History(configured(repo), reader=reader)


def fit(history: History, where: str) -> list[str]:
    return [row.id for row in choose(history, where=where)]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("optimizer.lr < 1e-3", [A]),
        ("optimizer.lr >= 1e-3", [C, B]),
        ("val.acc > 0.85", [A]),
        ("val.acc < 2", [B, A]),  # NaN is no less than anything
        ("not (val.acc > 0.85)", [C, B]),
        ("optimizer.name == 'adam' and val.acc > 0.85", [A]),
        ("val.acc > 0.85 or author == 'bob b'", [B, A]),
        ('author ~ "bob"', [B]),
        ('author !~ "b*"', [C, A]),
        ("status in ('failed', \"crashed\")", [C]),
        ('recipe != "other"', [B, A]),
        ('since("2026-11-02")', [C, B]),
        ('before("2026-11-02T00:00:00+00:00")', [A]),
        ('finished > "2026-11-02T10:00:01"', [C]),
        ("optimizer.nesterov == true", [B, A]),
        ("has(optimizer.nesterov)", [B, A]),
        ("not has(optimizer.nesterov)", [C]),
        ("optimizer.name != 'sgd'", [B, A]),  # C has none, and fits no comparison
        ("name == 'adam'", [B, A]),  # the only key that ends in it
        ("metric(lr) == 0.1", [A]),
        ('setting("optimizer.lr") == 1e-4', [A]),
        ('`odd."x.y"` == "z"', [B]),
        (r'`odd."a\"b"` == 7', [B]),
        ("not clean", []),
        ("seed == 1", [C, B, A]),
        (f'id == "{A[:5]}"', [A]),
        ('message ~ "hot"', [C]),
        ("env.packages.numpy == '2.1.0'", [C, B, A]),
        ("optimizer.lr == 'adam'", []),
        ("optimizer.name < 5", []),
    ],
)
def test_the_runs_that_fit(history: History, where: str, found: list[str]) -> None:
    assert fit(history, where) == found


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("optimizer.lrr < 1", "column 1: no run has 'optimizer.lrr'; did you mean optimizer.lr?"),
        ("val.acc > 0.5 and", "column 18: expected a name"),
        ("val.acc >", "column 10: expected a number or a text in quotes"),
        ("val.acc > high", 'column 11: a text stands in quotes: "high"'),
        ("val.acc", "column 8: expected a comparison of 'val.acc', such as == or <"),
        ("0.5 < val.acc", "column 1: a name comes first, as in `lr < 0.1`"),
        ("(val.acc > 0.5", "column 15: expected ')'"),
        ("val.acc > 0.5 val.acc", "column 15: expected `and`, `or` or the end"),
        ("recipe == 'digits", "column 11: this quote is not closed"),
        ("val.acc > 0.5 ; drop", "column 15: unexpected"),
        ('since("soon")', 'column 7: expected a time such as "2w" (ago), "3d", or "2026-11-30"'),
        ("(" * 60 + "val.acc > 1", "column 51: too many parentheses"),
        ("r.no == 1", "column 1: no run has 'r.no'"),
        ('status == "complete"', "column 11: no status is 'complete'; did you mean completed?"),
        ('kind in ("run", "reruns")', "column 17: no kind is 'reruns'; did you mean rerun?"),
        ('verdict != "exact"', "column 12: no verdict is 'exact'; there are bitwise, metrics,"),
        ('outcome == "keep"', "column 12: no outcome is 'keep'; did you mean kept?"),
    ],
)
def test_what_is_wrong_is_pointed_at(history: History, where: str, said: str) -> None:
    with pytest.raises(GitexpError) as error:
        choose(history, where=where)
    assert said in error.value.what


def test_a_name_of_a_metric_and_a_setting_must_be_told_apart(fresh: Lab, history: History) -> None:
    write_run(fresh, "nnnnkkkkmmmmnnnn", metrics={"optimizer.lr": 0.5})
    again = History(configured(history.repo), reader=history.reader)
    with pytest.raises(GitexpError, match="is a metric and a setting"):
        choose(again, where="optimizer.lr == 0.5")
    with pytest.raises(GitexpError, match=r"'lr' is a metric and the end of a setting: metric\(.lr.\) or optimizer.lr"):
        choose(again, where="lr < 0.5")
    assert fit(again, 'metric("optimizer.lr") == 0.5') == ["nnnnkkkkmmmmnnnn"]


def test_words_name_runs_ranges_lists_recipes_and_conditions(history: History) -> None:
    for words, found in {
        (A, C): [A, C],
        (f"{A}..{B}",): [B, A],
        (f"{A}..",): [C, B, A],
        ("latest~2..latest",): [C, B, A],
        ("latest~2..latest~1",): [B, A],
        (f"{C},{A}",): [C, A],
        ("@digits",): [B, A],
        ("val.acc > 0.85", C): [A, C],
    }.items():
        assert [row.id for row in choose(history, words)] == found
    assert [row.id for row in choose(history, (f"{A}..{C}",), where="val.acc > 0.85")] == [A]
    assert [row.id for row in choose(history, (A, C, B), where="seed == 1")] == [A, C, B]
    with pytest.raises(GitexpError, match="did you mean digits"):
        choose(history, ("@digit",))
    with pytest.raises(GitexpError, match="ended after"):
        choose(history, (f"{C}..{A}",))


def test_words_name_runs_of_the_remote_where_one_is_named(fresh: Lab, history: History) -> None:
    fresh.git("update-ref", "refs/remotes/lab/experiments", "experiments~1")
    write_run(fresh, "nnnnkkkkmmmmnnnn", finished="2026-11-09T10:00:00Z")
    again = History(configured(history.repo), reader=history.reader)
    for words, found in {("latest",): [B], (f"{A}..",): [B, A], ("latest~1", "latest"): [A, B]}.items():
        assert [row.id for row in choose(again, words, remote="lab")] == found
    with pytest.raises(GitexpError, match="No run is called"):
        choose(again, ("nnnn",), remote="lab")


def test_retracted_runs_smoke_runs_and_earlier_attempts_are_left_out_unless_asked_for(
    fresh: Lab, history: History
) -> None:

    message = f"a leak\n\nGitexp-Event: retract\nGitexp-About: {A}\n"
    commit_files(fresh, {"README.md": "x"}, message=message, finished="2026-11-05T10:00:00Z")
    write_run(fresh, B, attempt=2, finished="2026-11-05T10:00:00Z")
    write_run(fresh, "nnnnkkkkmmmmnnnn", kind="smoke", finished="2026-11-06T10:00:00Z")
    again = History(configured(history.repo), reader=history.reader)
    assert [(row.id, row.attempt) for row in choose(again)] == [(B, 2), (C, 1)]
    assert [row.id for row in choose(again, smoke=True)] == ["nnnnkkkkmmmmnnnn", B, C]
    assert [row.id for row in choose(again, retracted=True)] == [B, C, A]
    assert again.select("best:val.acc").id == B  # A had been the best
    assert [row.attempt for row in choose(again, attempts=True)] == [2, 1, 1]


def test_the_best_first_then_what_is_no_number_then_what_is_not_there(history: History) -> None:
    rows = history.runs.rows(order=best_first("val.acc", goal="min"))
    assert [row.id for row in rows] == [B, A, C]


def test_the_worst_is_the_other_end_of_the_best(history: History) -> None:
    assert (history.select("best:val.acc").id, history.select("worst:val.acc").id) == (A, B)
    assert [row.id for row in choose(history, ("worst:val.acc,best:val.acc@digits",))] == [B, A]
