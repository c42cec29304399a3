"""Which components of a recipe no test names, found by reading the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gitexp.errors import GitexpError
from gitexp.stages.cover import folders_with_tests, own_components, untested

RECIPE: dict[str, Any] = {
    "loader": {"use": "recipes/x/parts.py:Rows"},
    "preprocess": {"steps": ["scale"], "scale": {"use": "lab.steps:Scale"}},
    "model": {"use": "torch.nn:Sequential", "backbone": {"use": "recipes/y/net.py:Net"}},
    "loss": {"use": "gitexp.training.evaluate:Loss"},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("recipes/x/parts.py", "recipes/y/net.py", "lab/steps.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("raise RuntimeError('was imported')\n")
    return tmp_path


def left_without_test(root: Path, **files: str) -> list[str]:
    """The keys of the components that these files of recipes/x/tests do not name."""
    folder = root / "recipes" / "x" / "tests"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return [one.key for one in untested(own_components(RECIPE, root=root), [folder])]


def test_own_components_are_those_whose_file_lies_in_the_repository(root: Path) -> None:
    found = [(one.key, one.file, one.name) for one in own_components(RECIPE, root=root)]
    assert found == [
        ("loader", "recipes/x/parts.py", "Rows"),
        ("preprocess.scale", "lab/steps.py", "Scale"),
        ("model.backbone", "recipes/y/net.py", "Net"),
    ]


def test_tests_lie_in_the_recipes_folder_and_beside_each_component(root: Path) -> None:
    for folder in ("recipes/x/tests", "recipes/y/tests"):
        (root / folder).mkdir()
    found = folders_with_tests(root / "recipes" / "x", own_components(RECIPE, root=root), root=root)
    assert [path.relative_to(root).as_posix() for path in found] == ["recipes/x/tests", "recipes/y/tests"]


def test_without_tests_all_are_untested(root: Path) -> None:
    assert left_without_test(root) == ["loader", "preprocess.scale", "model.backbone"]


def test_a_name_in_a_test_counts_be_it_in_a_string_or_imported(root: Path) -> None:
    text = "from lab.steps import Scale\n\ndef test_a():\n    Scale()\n    component('recipes/x/parts.py:Rows')\n"
    assert left_without_test(root, test_parts=text) == ["model.backbone"]


def test_fixtures_functions_and_variables_that_a_test_names_count(root: Path) -> None:
    shared = "@pytest.fixture\ndef rows():\n    return component('recipes/x/parts.py:Rows')()\n"
    text = (
        "MAKE = component('recipes/y/net.py:Net')\n\ndef built():\n    return MAKE(3)\n\n"
        "def test_a(rows):\n    assert built()(rows)\n"
    )
    assert left_without_test(root, conftest=shared, test_parts=text) == ["preprocess.scale"]


def test_tests_in_a_class_and_parameters_count(root: Path) -> None:
    text = "class TestRows:\n    @parametrize('kind', [lab.Rows, lab.Scale])\n    def test_a(self, kind): kind()\n"
    assert left_without_test(root, test_parts=text) == ["model.backbone"]


def test_comments_docstrings_and_what_no_test_uses_do_not_count(root: Path) -> None:
    text = (
        '"""Rows."""\nfrom lab.steps import Scale\n\ndef unused():\n    return component("recipes/y/net.py:Net")\n\n'
        'def test_a():\n    """Rows"""\n    # Scale()\n    assert True\n'
    )
    assert left_without_test(root, test_parts=text) == ["loader", "preprocess.scale", "model.backbone"]


def test_a_file_that_pytest_would_not_collect_does_not_count(root: Path) -> None:
    text = "def test_a():\n    Rows(), Scale(), Net()\n"
    assert left_without_test(root, parts=text) == ["loader", "preprocess.scale", "model.backbone"]


def test_a_test_that_is_no_python_is_an_error_that_names_it(root: Path) -> None:
    with pytest.raises(GitexpError, match=r"test_parts\.py cannot be read as Python"):
        left_without_test(root, test_parts="def test_a(:\n")
