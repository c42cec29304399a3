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

LICENCES = ("CC BY 4.0", "CC0 1.0", "PSF-2.0")
WRAPPERS = [path for path in RECIPES if "command" in tomllib.loads(path.read_text())["run"]]
OF_PARTS = [path for path in RECIPES if path not in WRAPPERS]

every_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
every_wrapper = pytest.mark.parametrize("path", WRAPPERS, ids=lambda path: path.parent.name)
every_recipe_of_parts = pytest.mark.parametrize("path", OF_PARTS, ids=lambda path: path.parent.name)


def load(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def leaves(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every value by its dotted key."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def test_seven_recipes_ship():
    assert [path.parent.name for path in RECIPES] == [
        "char-transformer",
        "char-transformer-gpu",
        "digits-cnn",
        "digits-knn",
        "digits-mlp",
        "penguins",
        "wine-centroid",
    ]


@every_recipe
def test_about_answers_all_seven_questions_in_sentences(path):
    about = load(path)["about"]
    assert sorted(about.keys() - {"version"}) == [
        "debugging",
        "failure_modes",
        "owner",
        "rationale",
        "suitable_use",
        "summary",
        "trade_offs",
    ]
    assert [key for key in about if key not in ("owner", "version") and len(about[key].split()) < 10] == []
    assert about["owner"].strip()


def is_setting(key: str, value: Any) -> bool:
    """Which part is used speaks for itself, in its card; so does a value that is handed on to a second place."""
    names_a_part = key.rpartition(".")[2] in ("use", "contract")
    is_handed_on = isinstance(value, str) and value.startswith("{")
    return key.split(".")[0] not in OWN_TABLES and not names_a_part and not is_handed_on


@every_recipe
def test_every_setting_of_the_program_and_the_timeout_have_a_reason(path):
    recipe = load(path)
    settings = [key for key, value in leaves(recipe).items() if is_setting(key, value)] + ["run.timeout"]
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
        assert "Source:" in attribution
        assert [licence for licence in LICENCES if f"({licence})" in attribution] != []
        assert f"sha256  {hashlib.sha256(file.read_bytes()).hexdigest()}" in attribution


@every_recipe
def test_a_readme_says_how_to_run_it_and_what_to_expect(path):
    readme = (path.parent / "README.md").read_text()
    assert f"gitexp run {path.parent.name}\n" in readme
    assert "| expect" in readme


@every_wrapper
def test_every_file_that_the_command_names_is_there(path):
    words = " ".join(load(path)["run"]["command"]).split()
    named = [word for word in words if word.startswith("recipes/")]
    assert named
    assert [word for word in named if not (ROOT / word).is_file()] == []


@every_wrapper
def test_metric_files_are_ignored_by_git(path, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    for file in load(path)["metrics"].get("files", []):
        subprocess.run(["git", "check-ignore", file], cwd=tmp_path, check=True)


def test_programs_import_nothing_but_the_standard_library():
    programs = sorted(path for path in ROOT.glob("recipes/*/*.py") if path.name != "components.py")
    assert [program.name for program in programs] == ["knn.py"]
    assert imports(programs[0]) - set(sys.stdlib_module_names) == set()


def test_components_import_nothing_but_the_standard_library_and_torch():
    components = sorted(ROOT.glob("recipes/*/components.py"))
    assert len(components) == 4
    assert {name for file in components for name in imports(file)} - set(sys.stdlib_module_names) == {"torch"}


@every_recipe_of_parts
def test_a_recipe_of_parts_stands_on_its_own(path):
    own = f"recipes/{path.parent.name}/"
    named = [value for value in leaves(load(path)).values() if isinstance(value, str) and value.startswith("recipes/")]
    assert named
    assert [value for value in named if not value.startswith(own)] == []
    assert [value for value in named if not (ROOT / value.partition(":")[0]).is_file()] == []
    assert (path.parent / "tests/test_components.py").is_file()


@every_recipe_of_parts
def test_it_says_what_a_short_run_must_come_to(path):
    golden = tomllib.loads((path.parent / "expected.toml").read_text())["golden"]
    assert golden["set"]
    assert "val.loss" in golden["metrics"]


@pytest.mark.parametrize("name", ["char-transformer", "digits-cnn", "digits-mlp", "penguins"])
def test_a_recipe_for_a_cpu_says_what_the_whole_comes_to_in_under_a_minute(name):
    expected = tomllib.loads((ROOT / f"recipes/{name}/expected.toml").read_text())
    assert 0 < expected["time_s"] < 60
    assert expected["expected"]


def test_the_licence_of_the_text_lies_beside_it():
    licences = [
        (ROOT / f"recipes/{name}/LICENSE-PSF.txt").read_text() for name in ("char-transformer", "char-transformer-gpu")
    ]
    assert licences[0] == licences[1]
    assert licences[0].startswith("PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2")
    assert "Copyright (c) 2001" in licences[0]


def test_recipes_on_the_same_data_hold_the_same_bytes():
    digits = [(ROOT / f"recipes/{name}/digits.csv.gz").read_bytes() for name in ("digits-mlp", "digits-cnn")]
    topics = [
        (ROOT / f"recipes/{name}/topics.txt.gz").read_bytes() for name in ("char-transformer", "char-transformer-gpu")
    ]
    assert digits[0] == digits[1]
    assert topics[0] == topics[1]


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


def test_the_penguins_are_344_of_three_species():
    rows = [line.split(",") for line in (ROOT / "recipes/penguins/penguins.csv").read_text().splitlines()[1:]]
    assert len(rows) == 344
    assert {len(row) for row in rows} == {8}
    assert {row[0] for row in rows} == {"Adelie", "Chinstrap", "Gentoo"}


def test_the_text_is_79_topics_in_465126_characters():
    with gzip.open(ROOT / "recipes/char-transformer/topics.txt.gz", "rt", encoding="utf-8") as file:
        text = file.read()
    assert len(text) == 465_126
    assert text.startswith('The "assert" statement\n')
    assert len(set(text)) == 103
