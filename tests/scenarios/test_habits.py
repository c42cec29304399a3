"""What people type first who come from another tool: refused, with the line that they meant."""

from __future__ import annotations

import shlex

import pytest
from harness import Lab, Result

RECIPE = '[run]\ncommand = ["echo", "{optim.lr}"]\n[optim]\nlr = 0.1\nn = 1\ndate = 1\nfast = true\n[other]\nn = 2\n'


def fix(result: Result) -> str:
    """What the line that begins with `fix:` says to type."""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("fix:")]
    return line.removeprefix("fix:   ")


def with_recipe(lab: Lab, text: str = RECIPE) -> None:
    lab.write("recipes/r.toml", text)
    lab.write("train.py", "print('trained')\n")
    lab.commit()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["run", "--", "python train.py --lr 0.1"], "gitexp run -- python train.py --lr 0.1"),
        (["run", "--", "python train.py", "--lr", "0.1"], "gitexp run -- python train.py --lr 0.1"),
        (["run", "--", "A=1", "python", "train.py"], "gitexp run -- env A=1 python train.py"),
        (["run", "--", "A=1 train.py"], "gitexp run -- env A=1 python train.py"),
        (["run", "--", "train.py"], "gitexp run -- python train.py"),
        (["run", "--", "./train.py"], "gitexp run -- python ./train.py"),
        (["run", "--", "python train.py | cat"], "gitexp run -- bash -c 'python train.py | cat'"),
        (["run", "--", "export A=1 && python train.py"], "gitexp run -- bash -c 'export A=1 && python train.py'"),
        (["run", "--", "source", "env.sh"], "gitexp run -- bash -c 'source env.sh && COMMAND…'"),
        (["run", "python", "train.py"], "gitexp run -- python train.py"),
        (["run", "-m", "why", "python", "train.py", "--seed", "3", "--lr", "1"],
         "gitexp run -m why -- python train.py --seed 3 --lr 1"),
        (["run", "train.py", "--lr", "1"], "gitexp run -- python train.py --lr 1"),
        (["run", "train.py"], "gitexp run -- python train.py    records a program as it is"),
        (["--", "python", "train.py"], "gitexp run -- python train.py"),
        (["train.py"], "gitexp run -- python train.py"),
        (["exp", "run", "r"], "gitexp run r"),
        (["exp", "show"], "gitexp log"),
        (["ls"], "gitexp log"),
        (["fsck"], "gitexp verify"),
        (["comment", "latest", "-m", "a b"], "gitexp note latest -m 'a b'"),
        (["exp", "remove", "latest"], "gitexp drop latest"),
        (["train", "r"], "gitexp run r"),
        (["run", "r", "optim.lr=0.5"], "gitexp run r -s optim.lr=0.5"),
        (["run", "r", "--lr", "0.5"], "gitexp run r -s optim.lr=0.5"),
        (["run", "--lr", "0.5", "r"], "gitexp run r -s optim.lr=0.5"),
        (["run", "r", "--optim.lr=0.5", "-m", "a b"], "gitexp run r -m 'a b' -s optim.lr=0.5"),
        (["run", "r", "seed=3", "lr=-1"], "gitexp run r -s seed=3 -s optim.lr=-1"),
        (["run", "r", "+optim.z=5"], "gitexp run r -s +optim.z=5"),
        (["run", "+optim.n=5", "r"], "gitexp run r -s +optim.n=5"),
        (["run", "r", "++optim.z=.5"], "gitexp run r -s +optim.z=0.5"),
        (["run", "r", "+optim.lrate=1"], "gitexp run r -s +optim.lrate=1"),
        (["run", "r", "+debug=False"], "gitexp run r -s +debug=false"),
        (["run", "r", "fast=False"], "gitexp run r -s optim.fast=false"),
        (["run", "r", "optim.lrate=1"], "gitexp check r --explain    lists its keys; -s KEY=VALUE sets one"),
        (["check", "r", "lr=0.5"], "gitexp check r -s optim.lr=0.5"),
        (["run", "r", "--n", "5"], "gitexp check r --explain    lists its keys; -s KEY=VALUE sets one"),
    ],
)  # fmt: skip
def test_what_was_typed_from_habit_is_answered_with_what_was_meant(lab: Lab, typed: list[str], meant: str) -> None:
    with_recipe(lab)
    result = lab.gitexp(*typed)
    assert result.exit_code in (2, 3)
    assert fix(result) == meant
    assert lab.runs() == []


@pytest.mark.parametrize(
    "typed",
    [
        ["run", "--", "A=1 python train.py | cat"],
        ["run", "--", "./train.py"],
        ["run", "r", "--lr=0.5"],
        ["run", "r", "+debug=False", "++optim.lrate=.5"],
    ],
)
def test_the_line_that_was_meant_works_when_it_is_pasted(lab: Lab, typed: list[str]) -> None:
    with_recipe(lab)
    gitexp, *words = shlex.split(fix(lab.gitexp(*typed)))
    assert gitexp == "gitexp"
    assert lab.gitexp(*words).exit_code == 0


@pytest.mark.parametrize(
    "typed",
    [
        ["rm", "t.py"],
        ["rm", "-rf", "recipes"],
        ["run", "rm", "t.py"],
        ["sh", "-c", "rm -rf recipes"],
        ["find . -delete"],
        ["A=1", "/bin/mv", "a", "b"],
        ["echo > train.py"],
        ["touch", "x"],
    ],
)
def test_nobody_is_advised_to_run_what_removes_or_overwrites(lab: Lab, typed: list[str]) -> None:
    with_recipe(lab)
    result = lab.gitexp(*typed)
    assert result.exit_code in (2, 3)
    assert "gitexp run --" not in result.stderr


def test_a_recipe_whose_command_is_one_word_is_told_what_to_write(lab: Lab) -> None:
    with_recipe(lab, '[run]\ncommand = ["python train.py --lr {lr}"]\n')
    result = lab.gitexp("run", "r", "-s", "+lr=1")
    assert result.exit_code == 3
    assert fix(result) == 'recipes/r.toml:2:  command = ["python", "train.py", "--lr", "{lr}"]'


def test_a_misspelt_recipe_with_keys_behind_it_is_told_of_the_recipe(lab: Lab) -> None:
    with_recipe(lab)
    lab.gitexp("run", "r", "--dry-run")
    result = lab.gitexp("run", "rr", "lr=0.5")
    assert result.exit_code == 3
    assert "There is no recipe rr" in result.stderr


def test_a_recipe_and_a_command_at_once_are_refused(lab: Lab) -> None:
    with_recipe(lab)
    result = lab.gitexp("run", "r", "--", "python", "train.py")
    assert result.exit_code == 2
    assert "One recipe at a time, or a command behind `--` and no recipe." in result.stderr


def test_an_option_that_is_nearly_ours_is_not_taken_for_a_key(lab: Lab) -> None:
    with_recipe(lab)
    assert "Did you mean '--timeout'?" in lab.gitexp("run", "r", "--tiemout", "3s").stderr
