"""What holds for every recipe in recipes/: it is documented, its numbers have reasons, its data is attributed."""

import ast
import gzip
import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RECIPES = sorted(ROOT.glob("recipes/*/recipe.toml"))
OWN_TABLES = {"about", "why", "run", "data", "metrics", "space", "resources", "reproducibility"}

every_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)


def load(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def leaves(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every value by its dotted key."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def test_three_recipes_ship():
    assert [path.parent.name for path in RECIPES] == ["digits-knn", "digits-mlp", "wine-centroid"]


@every_recipe
def test_about_answers_all_seven_questions_in_sentences(path):
    about = load(path)["about"]
    assert sorted(about) == [
        "debugging",
        "failure_modes",
        "owner",
        "rationale",
        "suitable_use",
        "summary",
        "trade_offs",
    ]
    assert [key for key in about if key != "owner" and len(about[key].split()) < 10] == []
    assert about["owner"].strip()


@every_recipe
def test_every_setting_of_the_program_and_the_timeout_have_a_reason(path):
    recipe = load(path)
    settings = [key for key in leaves(recipe) if key.split(".")[0] not in OWN_TABLES] + ["run.timeout"]
    assert settings != ["run.timeout"]
    assert [key for key in settings if len(recipe["why"].get(key, "").split()) < 4] == []


@every_recipe
def test_reasons_are_about_keys_that_exist(path):
    recipe = load(path)
    keys = leaves(recipe)
    tables = {f"{table}.{key}" for table, value in recipe.items() if isinstance(value, dict) for key in value}
    assert [key for key in recipe["why"] if key not in keys and key not in tables] == []


@every_recipe
def test_data_lies_in_the_repository_with_an_attribution_beside_it(path):
    datasets = load(path)["data"]
    assert datasets
    for where in datasets.values():
        file = ROOT / where
        assert 0 < file.stat().st_size < 1_000_000
        attribution = (file.parent / "ATTRIBUTION.md").read_text()
        assert attribution.startswith(f"# {file.name}\n")
        assert "Creators:" in attribution
        assert "CC BY 4.0" in attribution
        assert "https://doi.org/10.24432/" in attribution
        assert f"sha256  {hashlib.sha256(file.read_bytes()).hexdigest()}" in attribution


@every_recipe
def test_a_readme_says_how_to_run_it_and_what_to_expect(path):
    readme = (path.parent / "README.md").read_text()
    assert f"gitexp run {path.parent.name}\n" in readme
    assert "| expect" in readme


@every_recipe
def test_every_file_that_the_command_names_is_there(path):
    words = " ".join(load(path)["run"]["command"]).split()
    named = [word for word in words if word.startswith("recipes/")]
    assert named
    assert [word for word in named if not (ROOT / word).is_file()] == []


@every_recipe
def test_metric_files_are_ignored_by_git(path, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    for file in load(path)["metrics"].get("files", []):
        subprocess.run(["git", "check-ignore", file], cwd=tmp_path, check=True)


def test_programs_import_nothing_but_the_standard_library_torch_and_gitexp():
    programs = sorted(ROOT.glob("recipes/**/*.py"))
    assert [program.name for program in programs] == ["knn.py", "train.py"]
    assert imports(programs[0]) - set(sys.stdlib_module_names) == set()
    assert imports(programs[1]) - set(sys.stdlib_module_names) == {"torch", "gitexp"}


def imports(program: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(program.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


def test_the_digits_are_1797_images_of_64_pixels_and_a_label():
    with gzip.open(ROOT / "recipes/digits-mlp/digits.csv.gz", "rt") as file:
        rows = [line.split(",") for line in file]
    assert len(rows) == 1797
    assert {len(row) for row in rows} == {65}
    assert {int(row[64]) for row in rows} == set(range(10))


def test_the_wines_are_178_rows_of_13_measurements_and_a_class():
    rows = [line.split(",") for line in (ROOT / "recipes/wine-centroid/wine.csv").read_text().splitlines()[1:]]
    assert len(rows) == 178
    assert {len(row) for row in rows} == {14}
    assert {row[13] for row in rows} == {"0", "1", "2"}
