"""The recipe that everything starts with, as `gitexp run` runs it: what it learns, its repeats, what fits in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from harness import Lab, make_lab, world

RECIPES = Path(__file__).parents[2] / "recipes"

pytestmark = [pytest.mark.torch, pytest.mark.long]


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A repository with the digits recipes, and two runs of digits-mlp."""
    folder = tmp_path_factory.mktemp("school")
    lab = make_lab(folder / "lab", world(folder / "home"))
    for name in ("digits-mlp", "digits-cnn"):
        shutil.copytree(RECIPES / name, lab.path / "recipes" / name, ignore=shutil.ignore_patterns("__pycache__"))
    assert lab.gitexp("init").exit_code == 0
    lab.commit("recipes")
    for _ in range(2):
        lab.well("run", "digits-mlp")
    return lab


def test_it_reads_at_least_95_percent_of_the_held_out_digits(school):
    metrics = school.toml("metrics.toml")
    assert metrics["val.acc"] >= 0.95
    assert metrics["val.loss"] < 0.2


def test_it_logs_the_accuracy_of_each_digit_after_every_epoch(school):
    header, *rows = school.show("experiments:history.csv").splitlines()
    assert len(rows) == 30
    assert [f"val.acc[digit={digit}]" in header.split(",") for digit in range(10)] == [True] * 10


def test_two_runs_give_the_same_numbers_and_the_same_weights(school):
    first, second = (school.toml("run.toml", commit)["digests"] for commit in school.runs())
    assert first["weights"].startswith("sha256:")
    assert first == second
    assert school.show("experiments:metrics.toml") == school.show("experiments~1:metrics.toml")


def test_the_record_says_which_parts_there_were_and_what_flowed_between_them(school):
    components = school.toml("components.toml")
    assert components["components"]["model"]["use"] == "recipes/digits-mlp/components.py:MLP"
    assert components["components"]["model"]["version"] == "1.0"
    assert components["flow"][-1]["fields"]["output"]["shape"] == ["batch", 10]


def test_the_convolutional_network_of_the_other_recipe_fits_in(school):
    result = school.well("check", "digits-mlp", "-s", "model.use=recipes/digits-cnn/components.py:CNN")
    assert "model gives output [batch, 10] float32" in result.stderr


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            ["-s", "model.planes=3"],
            "model expects input [batch, 3, 8, 8] float32, preprocess gives [batch, 1, 8, 8] float32",
        ),
        (
            ["-s", "model.height=28", "-s", "model.width=28"],
            "model expects input [batch, 1, 28, 28] float32, preprocess gives [batch, 1, 8, 8] float32",
        ),
    ],
)
def test_one_for_other_images_is_refused_with_both_shapes(school, settings, complaint):
    swap = ["-s", "model.use=recipes/digits-cnn/components.py:CNN"]
    result = school.gitexp("check", "digits-mlp", *swap, *settings)
    assert result.exit_code == 3
    assert complaint in result.stderr
