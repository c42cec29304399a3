"""A recipe written from a recorded run: its arguments are settings, and it runs to the same numbers at once."""

from __future__ import annotations

import os
import tomllib
from typing import Any

import pytest
from harness import Lab

TRAIN = """\
import sys

options = dict(word.lstrip("-").partition("=")[::2] for word in sys.argv[1:] if "=" in word)
print("loss", float(options.get("lr", 1)) / 2)
"""


@pytest.fixture
def program(lab: Lab) -> Lab:
    lab.write("train.py", TRAIN)
    lab.write("data.csv", "1,2\n")
    lab.commit("a program")
    return lab


def derived(lab: Lab, *words: str) -> dict[str, Any]:
    """The recipe of a run of these words, which is committed and runs to the same metrics."""
    lab.well("run", *words)
    lab.well("new", "mine", "--from", "latest")
    lab.commit("derived")
    lab.well("run", "mine")
    assert lab.show("experiments:metrics.toml") == lab.show("experiments~1:metrics.toml")
    argv = [lab.toml("run.toml", commit)["argv"] for commit in ("experiments", "experiments~1")]
    assert argv[0] == argv[1]
    return tomllib.loads((lab.path / "recipes/mine.toml").read_text())


def test_arguments_become_settings_data_and_seed(program: Lab) -> None:
    command = ["python", "train.py", "--lr=0.1", "--seed", "3", "--train", "data.csv", "--model.depth", "2", "--fast"]
    options = ["--metric", r"loss=loss (\S+)", "--data", "train=data.csv", "-m", "why"]
    recipe = derived(program, *options, "--", *command)
    assert recipe["run"]["command"] == [
        *["python", "train.py", "--lr={lr}", "--seed", "{seed}", "--train", "{data.train}"],
        *["--model.depth", "{model.depth}", "--fast"],
    ]
    assert (recipe["lr"], recipe["seed"], recipe["model"], recipe["data"]) == (
        0.1,
        3,
        {"depth": 2},
        {"train": "data.csv"},
    )
    assert recipe["metrics"] == {"output": {"loss": r"loss (\S+)"}}
    assert recipe["about"]["template"].startswith("run ")


def test_overrides_work_at_once(program: Lab) -> None:
    derived(program, "--metric", r"loss=loss (\S+)", "--", "python", "train.py", "lr=0.1")
    assert program.gitexp("run", "mine", "-s", "lr=0.4").exit_code == 0
    assert program.toml("metrics.toml") == {"loss": 0.2}


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["lr=1e-3"], "lr", "1e-3"),  # TOML would write 0.001
        (["--name", "{x}"], "name", "{x}"),
        (["--flag=True"], "flag", "True"),
        (["--on=true"], "on", True),
        (["--lr", "-0.5"], "lr", -0.5),
        (["--big", "99999999999999999999"], "big", "99999999999999999999"),
        (["--batch-size", "007"], "batch_size", "007"),
    ],
)
def test_values_are_what_was_typed(program: Lab, words: list[str], key: str, value: object) -> None:
    assert derived(program, "--", "python", "train.py", *words)[key] == value


@pytest.mark.parametrize("words", [["-n", "5"], ["--tag", "a", "--tag", "b"], ["--data", "x"], ["--run", "x"], ["{a}"]])
def test_what_cannot_be_told_stays_as_it_is(program: Lab, words: list[str]) -> None:
    command = derived(program, "--", "python", "train.py", *words)["run"]["command"]
    assert command == ["python", "train.py", *(word.replace("{a}", "{{a}}") for word in words)]


def test_a_run_of_a_recipe_with_overrides_becomes_a_recipe(program: Lab) -> None:
    program.write("recipes/base.toml", 'lr = 1.0\n[run]\ncommand = ["python", "train.py", "lr={lr}"]\n')
    program.commit("base")
    assert derived(program, "base", "-s", "lr=0.5")["lr"] == 0.5


def test_of_a_run_with_a_secret_or_with_other_bytes_than_text_no_recipe_is_written(program: Lab) -> None:
    assert program.gitexp("run", "--", "python", "train.py", "--api-key", "sk-abcdef1234567890").exit_code == 0
    refused = program.gitexp("new", "mine", "--from", "latest")
    assert refused.exit_code == 1
    assert "was given a secret, which its record does not have" in refused.stderr
    assert program.gitexp("run", "--", "python", "train.py", os.fsdecode(b"a\xff")).exit_code == 0
    refused = program.gitexp("new", "mine", "--from", "latest")
    assert refused.exit_code == 1
    assert "No recipe can hold bytes that are not UTF-8" in refused.stderr
    assert not (program.path / "recipes").exists()


def test_what_stands_in_the_way_is_said_and_nothing_is_written(program: Lab) -> None:
    assert program.gitexp("run", "--", "python", "train.py").exit_code == 0
    (program.path / "sub").mkdir()
    assert program.gitexp("run", "--", "true", cwd=program.path / "sub").exit_code == 0
    assert "ran in sub" in program.gitexp("new", "mine", "--from", "latest").stderr
    assert program.gitexp("new", "mine", "--from", "latest~1").exit_code == 0
    taken = program.gitexp("new", "mine", "--from", "latest~1")
    assert taken.exit_code == 1
    assert "recipes/mine.toml is there already; nothing was written" in taken.stderr
    assert program.gitexp("new", "a/b", "--from", "latest~1").exit_code == 1
    assert program.gitexp("new", "--from", "latest").exit_code == 2
