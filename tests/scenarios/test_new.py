"""`gitexp new`: a recipe that ships with gitexp becomes a folder of one's own."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from harness import Lab

SHIPPED = sorted(path.parent.name for path in (Path(__file__).parents[2] / "recipes").glob("*/recipe.toml"))


def test_without_a_template_it_lists_them(lab: Lab) -> None:
    result = lab.well("new")
    assert "\nwine-centroid " in result.stdout
    assert [one["name"] for one in lab.gitexp("new", "--json").json["templates"]] == SHIPPED


def test_a_copy_has_all_files_names_itself_and_says_where_it_is_from(lab: Lab) -> None:
    result = lab.well("new", "digits-knn", "neighbours")
    assert (
        result.stdout
        == "wrote      recipes/neighbours/: ATTRIBUTION.md, README.md, digits.csv.gz, knn.py, recipe.toml\n"
    )
    assert result.stderr == (
        'next       git add recipes/neighbours && git commit -m "Add recipe neighbours"\n'
        "then       gitexp run neighbours    or    gitexp check neighbours --explain\n"
    )
    text = (lab.path / "recipes" / "neighbours" / "recipe.toml").read_text()
    recipe = tomllib.loads(text)
    assert recipe["run"]["command"][:2] == ["python", "recipes/neighbours/knn.py"]
    assert recipe["data"] == {"digits": "recipes/neighbours/digits.csv.gz"}  # which it shared with digits-mlp
    template = recipe["about"]["template"]
    assert template.startswith("digits-knn ")
    assert "xxh128:" in template
    assert template.endswith(", gitexp 0.1.0")
    assert "gitexp run neighbours" in (lab.path / "recipes" / "neighbours" / "README.md").read_text()


def test_a_copy_runs_and_its_template_is_in_the_record(lab: Lab) -> None:
    lab.gitexp("new", "wine-centroid", "wine.2")
    lab.commit()
    lab.well("run", "wine.2")
    assert lab.toml("recipe.toml")["about"]["template"].startswith("wine-centroid ")
    assert lab.toml("metrics.toml")["val.acc"] > 0.9


def test_without_a_name_the_copy_is_called_as_its_template(lab: Lab) -> None:
    assert lab.gitexp("new", "wine-centroid").exit_code == 0
    assert (lab.path / "recipes" / "wine-centroid" / "wine.csv").is_file()


def test_nothing_that_is_there_is_overwritten(lab: Lab) -> None:
    lab.write("recipes/mine.toml", "mine")
    lab.write("recipes/other/notes", "other")
    before = lab.state()
    file, folder = lab.gitexp("new", "wine-centroid", "mine"), lab.gitexp("new", "wine-centroid", "other")
    assert [file.exit_code, folder.exit_code] == [1, 1]
    assert "error: recipes/mine.toml is there already; nothing was written" in file.stderr
    assert "error: recipes/other is there already; nothing was written" in folder.stderr
    assert lab.state() == before


@pytest.mark.parametrize("name", ["../up", "a/b", "-x", ".hidden", "two words", 'quo"te', "", "x" * 65])
def test_a_name_that_would_need_quotes_somewhere_is_no_name(lab: Lab, name: str) -> None:
    before = lab.state()
    result = lab.gitexp("new", "--", "wine-centroid", name)
    assert result.exit_code == 1
    assert "is no name for a recipe" in result.stderr
    assert lab.state() == before


def test_an_unknown_template_is_an_error_with_the_nearest_one(lab: Lab) -> None:
    result = lab.gitexp("new", "digits-mpl")
    assert result.exit_code == 1
    assert 'error: No recipe "digits-mpl" ships with gitexp; did you mean digits-mlp?' in result.stderr


def test_a_copy_in_a_repository_without_gitexp_says_what_comes_first(fresh: Lab) -> None:
    result = fresh.well("new", "wine-centroid", "wine")
    assert result.stderr.startswith("first      gitexp init\n")


def test_a_copy_in_a_repository_without_a_commit_is_committed_first(bare_world: Lab) -> None:
    bare_world.git("init", "-q")
    steps = bare_world.gitexp("new", "wine-centroid", "wine").stderr.splitlines()
    assert steps[:2] == [
        'first      git add recipes/wine && git commit -m "Add recipe wine"',
        "next       gitexp init",
    ]


@pytest.mark.parametrize("template", SHIPPED)
def test_every_shipped_recipe_stands_on_its_own(lab: Lab, template: str) -> None:
    assert lab.gitexp("new", template, "mine").exit_code == 0
    text = (lab.path / "recipes" / "mine" / "recipe.toml").read_text()
    assert f"recipes/{template}/" not in text
    assert [path for path in lab.path.rglob("*") if path.name in ("__pycache__", "mine.tmp")] == []
    assert lab.gitexp("recipe", "card", "mine").exit_code == 0
    data = tomllib.loads(text).get("data", {})
    assert [path for path in data.values() if not (lab.path / path).is_file()] == []
