"""`gitexp check`: what a recipe resolves to, where each value comes from, and why it is what it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

from harness import Lab

from gitexp.cli.commands.check import explained
from gitexp.cli.render import Screen
from gitexp.spec.config import load_config
from gitexp.spec.recipe import Recipe
from gitexp.stages.resolve import Request, resolve

BASE = """\
[run]
command = ["python", "train.py", "--lr={optimizer.lr}"]
[optimizer]
lr = 0.01
"""
CHILD = """\
extends = "base.toml"
seed = 1
[about]
summary = "A small thing."
[why]
"optimizer.lr" = "0.01 never arrives within the ten epochs that this recipe may take, and 0.5 comes apart."
optimizer = "The plain one."
[optimizer]
lr = 0.1
nesterov = true
"""


def small(tmp_path: Path, *overrides: str) -> Recipe:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/base.toml").write_text(BASE)
    (tmp_path / "recipes/x.toml").write_text(CHILD)
    config = load_config("[metrics]\ngoal = { loss = 'min' }\n")
    return resolve(Request(tmp_path, "x", overrides=overrides, seed=7), root=tmp_path, config=config)


def test_each_value_is_explained_in_80_columns(tmp_path: Path) -> None:
    page = explained(small(tmp_path, "+optimizer.eps=1e-8"), on=Screen(80, None, False))
    assert page.splitlines() == [
        "seed                7  --seed",
        'run.command         ["python", "train.py", "--lr={optimizer.lr}"]',
        "                    recipes/base.toml:2",
        'metrics.goal.loss   "min"  gitexp.toml:2',
        "optimizer           The plain one.",
        "optimizer.lr        0.1  recipes/x.toml:9",
        "                    0.01 never arrives within the ten epochs that this recipe",
        "                    may take, and 0.5 comes apart.",
        "optimizer.nesterov  true  recipes/x.toml:10",
        "optimizer.eps       1e-08  -s",
        'about.summary       "A small thing."  recipes/x.toml:4',
    ]


def test_no_line_is_wider_than_the_terminal(tmp_path: Path) -> None:
    recipe = small(tmp_path, f"+model.{'deep.' * 12}x='{'word ' * 60}'")
    assert max(map(len, explained(recipe, on=Screen(80, None, False)).splitlines())) <= 80


def test_check_prints_a_recipe_with_the_same_values(fresh: Lab) -> None:
    fresh.write("recipes/base.toml", BASE)
    fresh.write("recipes/x.toml", CHILD)
    result = fresh.gitexp("check", "x", "-s", "optimizer.lr=1")
    assert result.exit_code == 0, result.stderr
    assert tomllib.loads(result.stdout)["optimizer"] == {"lr": 1.0, "nesterov": True}
    fresh.write("copy.toml", result.stdout)
    assert fresh.gitexp("check", "copy.toml").stdout == result.stdout


def test_explain_names_file_and_line_and_reason(fresh: Lab) -> None:
    fresh.write("recipes/base.toml", BASE)
    fresh.write("recipes/x.toml", CHILD)
    result = fresh.gitexp("check", "x", "--explain", "--seed", "4")
    assert result.exit_code == 0, result.stderr
    assert "recipes/base.toml:2" in result.stdout
    assert "0.01 never arrives" in result.stdout
    assert "--seed" in result.stdout


def test_errors_are_all_printed_and_the_exit_code_is_3(fresh: Lab) -> None:
    fresh.write("recipes/base.toml", BASE)
    fresh.write("recipes/x.toml", CHILD.replace("lr = 0.1", 'lr = "0.1"').replace("summary", "sumary"))
    result = fresh.gitexp("check", "x")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "2 errors in the recipe" in result.stderr
    assert "recipes/x.toml:4: about.sumary: unknown key; did you mean summary?" in result.stderr
    assert (
        'recipes/x.toml:9: optimizer.lr: expected a float, got "0.1"; TOML writes 0.1 (recipes/base.toml:4 has 0.01)'
        in result.stderr
    )


def test_a_recipe_that_would_move_the_cursor_is_printed_escaped(fresh: Lab) -> None:
    fresh.write("recipes/x.toml", BASE + 'name = "\\u001b[2J \u009b2J \u202e"\n')
    shown = fresh.gitexp("check", "x").stdout + fresh.gitexp("check", "x", "--explain").stdout
    assert "u001b[2J" in shown
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)


def test_without_colours_the_explanation_has_no_escapes(fresh: Lab) -> None:
    fresh.write("recipes/base.toml", BASE)
    fresh.git("config", "color.ui", "always")
    assert "\x1b[" in fresh.gitexp("check", "base", "--explain").stdout
    plain = Lab(fresh.path, fresh.env | {"NO_COLOR": "1"})
    assert "\x1b" not in plain.gitexp("check", "base", "--explain").stdout
