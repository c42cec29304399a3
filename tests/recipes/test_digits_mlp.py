"""The training recipe outside of gitexp: what it learns, that it repeats itself, and how it stops."""

import json
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRAIN = ROOT / "recipes/digits-mlp/train.py"

pytestmark = pytest.mark.torch


def environment(**added: str) -> dict[str, str]:
    """This one, without a run around it, and with the checkout's gitexp importable."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GITEXP_")}
    return plain | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"} | added


def train(folder: Path, **added: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TRAIN)]
    return subprocess.run(command, cwd=folder, env=environment(**added), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder in which two runs of the recipe left their metrics and weights as gitexp would ask them to."""
    folder = tmp_path_factory.mktemp("recorded")
    for name in ("first", "second"):
        (folder / name).mkdir()
        result = train(folder, GITEXP_METRICS=str(folder / f"{name}.jsonl"), GITEXP_OUTPUT=str(folder / name))
        assert (result.returncode, result.stderr) == (0, "")
        (folder / f"{name}.txt").write_text(result.stdout)
    return folder


def rows(file: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_it_reads_at_least_95_percent_of_the_held_out_digits(recorded):
    logged = rows(recorded / "first.jsonl")
    assert [row["step"] for row in logged] == [*range(1, 31), 30]
    assert sorted(logged[0]) == ["step", "train.loss", "val.acc", "val.loss"]
    assert logged[29]["val.acc"] >= 0.95
    assert logged[29]["val.loss"] < 0.2


def test_it_logs_the_accuracy_of_each_digit_at_the_end(recorded):
    last = rows(recorded / "first.jsonl")[-1]
    assert sorted(last) == ["step", *(f"val.acc[digit={digit}]" for digit in range(10))]
    assert min(last.values()) >= 0.85


def test_two_runs_give_the_same_numbers_and_the_same_weights(recorded):
    assert (recorded / "first.jsonl").read_text() == (recorded / "second.jsonl").read_text()
    assert (recorded / "first/model.pt").read_bytes() == (recorded / "second/model.pt").read_bytes()


def test_it_prints_one_line_an_epoch_without_colours_or_carriage_returns(recorded):
    printed = (recorded / "first.txt").read_text()
    assert printed.startswith("1438 images to train on, 359 held out, 9610 parameters, seed 1\n")
    assert printed.count("epoch") == 30
    assert "\033" not in printed
    assert "\r" not in printed


def test_run_plainly_it_trains_and_leaves_nothing_behind(tmp_path):
    before = sorted(TRAIN.parent.iterdir())
    result = train(tmp_path)
    assert result.returncode == 0
    assert "epoch 30/30" in result.stdout
    assert list(tmp_path.iterdir()) == []
    assert sorted(TRAIN.parent.iterdir()) == before


def test_an_interrupt_ends_it_with_one_line_and_130(tmp_path):
    recipe = tmp_path / "long.toml"
    text = (TRAIN.parent / "recipe.toml").read_text()
    recipe.write_text(text.replace("epochs = 30", "epochs = 1000000"))
    command = [sys.executable, str(TRAIN)]
    added = {
        "GITEXP_RECIPE": str(recipe),
        "GITEXP_DATA_DIGITS": str(TRAIN.parent / "digits.csv.gz"),
    }
    with subprocess.Popen(
        command, env=environment(**added), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        assert program.stdout.readline().startswith("epoch       1/1000000")
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
    assert said == "interrupted: the epochs above are logged, no weights are saved\n"
    assert program.returncode == 130


def test_it_holds_out_the_same_images_as_the_baseline(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    learner = runpy.run_path(str(TRAIN))
    baseline = runpy.run_path(str(ROOT / "recipes/digits-knn/knn.py"))
    labels = [digit for digit in range(10) for _ in range(180)]
    held_out = learner["split"](labels, 0.2, 1)[1]
    assert held_out == baseline["split"](labels, 0.2, 1)[1]
    assert len(held_out) == 360
    assert [sum(labels[i] == digit for i in held_out) for digit in range(10)] == [36] * 10
