"""What cannot be trained is refused before training: refused.json names the place and what to change, exit code 3."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

from trainings import Run, lay_out

pytestmark = pytest.mark.torch

BROKEN = {
    "no such module": ('model.use="torch.nm:Linear"',),
    "no such name": ('model.use="torch.nn:Liner"',),
    "not allowed": ('model.use="logging.os:system"',),
    "wrong argument": ("model.hiden=5",),
    "wrong arguments in two places": ("model.hiden=5", "train.epoch=1"),
    "shapes": ('model.use="torch.nn:Linear"', "model.in_features=5", "model.out_features=2"),
    "shared rows": ("loader.leak=true",),
    "not a number": ("loader.nan=true", 'preprocess.steps=["noise"]'),
    "unrepeatable": ('model.use="parts.py:Unrepeatable"',),
    "monitor": ('train.monitor="val.acc"',),
    "breaks in its constructor": ('model.use="parts.py:Breaks"',),
    "breaks in its forward": ('model.use="parts.py:BreaksLater"',),
    "contradicting settings": ("train.steps=5",),
    "no learning rate": ("optimizer.lr=-1.0",),
    "a schedule that cannot be": (
        'scheduler.use="torch.optim.lr_scheduler:OneCycleLR"',
        "scheduler.T_max",
        "scheduler.max_lr=1.0",
        "scheduler.total_steps=-1",
    ),
    "no such device": ('train.device="tpu"',),
    "sizes that nobody states": ('model.use="torch.nn:LazyLinear"', "model.out_features=2"),
    "a split without a length": ('loader.use="parts.py:Endless"',),
    "an optimizer that asks again": ('optimizer.use="torch.optim:LBFGS"', "optimizer.lr=0.1"),
}

ALL = """
import os, sys
from pathlib import Path
from gitexp.training.program import run
for folder in sys.argv[1:]:
    os.environ["GITEXP_FOLDER"] = folder
    try:
        print(run(Path(folder)), flush=True)
    except BaseException as error:
        print(type(error).__name__, error, flush=True)
"""


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """All of them in one process, one after the other: starting it is what takes time."""
    root = tmp_path_factory.mktemp("broken") / "lab"
    runs = {name: lay_out(root, name, *changes) for name, changes in BROKEN.items()}
    folders = [str(run.folder) for run in runs.values()]
    done = subprocess.run([sys.executable, "-c", ALL, *folders], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["3"] * len(BROKEN), done.stderr
    assert [name for name, run in runs.items() if (run.folder / "components.json").exists()] == []
    return runs


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no such module", "model.use: there is no module torch.nm"),
        ("no such name", "model.use: torch.nn has no Liner; did you mean Linear?"),
        ("not allowed", "model.use: logging.os is not allowed"),
        ("wrong argument", "model.hiden: parts.py:Net takes no argument hiden; did you mean hidden?"),
        ("shapes", "model: model cannot take input [batch, 4] float32 from preprocess: Linear(in_features=5"),
        ("shared rows", "loader: 53 of 64 rows of val are the train split's own"),
        ("not a number", "preprocess.noise: preprocess gives input with NaN in 1 of 8 rows"),
        ("unrepeatable", "model: torch has no deterministic put_ on cpu, and [reproducibility] level is bitwise"),
        ("monitor", "train.monitor: val.acc is never logged; metrics that are judged: val.loss"),
        (
            "breaks in its constructor",
            "model: parts.py:Breaks cannot be built: parts.py:149: ValueError: no such weights",
        ),
        ("breaks in its forward", "model: model cannot take input [batch, 4] float32 from preprocess: parts.py:158: "),
        ("contradicting settings", "train: gitexp.training.loop:Train cannot be built: ValueError: give either epochs"),
        ("no learning rate", "optimizer: parts.py:AdamW cannot be built: parts.py:121: ValueError: Invalid learning"),
        ("a schedule that cannot be", "scheduler: torch.optim.lr_scheduler:OneCycleLR cannot be built: ValueError: "),
        (
            "a split without a length",
            "loader: parts.py:Endless: the split train must be a Table or a map-style dataset",
        ),
        ("sizes that nobody states", "model: model has lazy layers, whose sizes only a first batch would settle"),
        ("an optimizer that asks again", "optimizer: torch.optim:LBFGS computes the loss several times a step"),
        ("no such device", 'train.device: device must be "auto", "cpu" or "cuda", got \'tpu\''),
    ],
)
def test_it_is_refused_with_the_place_and_words_to_act_on(refused: dict[str, Run], name: str, words: str):
    [(path, what)] = refused[name].problems
    assert f"{path}: {what}".startswith(words)


def test_all_that_is_wrong_is_said_at_once(refused: dict[str, Run]):
    assert [path for path, _ in refused["wrong arguments in two places"].problems] == ["model.hiden", "train.epoch"]


def test_an_interpreter_without_torch_is_refused_with_what_to_install(tmp_path: Path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    run = lay_out(tmp_path / "lab", "bare")
    python = str(tmp_path / "bare/bin/python")
    ended = run.go(python=python)
    assert (ended.exit_code, ended.stdout, ended.stderr) == (3, "", "")
    fix = 'pip install torch numpy there, or name another interpreter:  [run] python = "PATH"'
    assert run.problems == [("run.python", f"{python} cannot train: No module named 'torch'; {fix}")]


def test_a_check_says_what_flows_and_trains_nothing(tmp_path: Path):
    run = lay_out(tmp_path / "lab", "checked", mode="check")
    assert run.go().exit_code == 0
    flow = run.read("components.json")["flow"]
    assert [part["after"] for part in flow] == ["loader", "preprocess.mean", "preprocess.noise", "model"]
    assert flow[-1]["fields"] == {"output": {"shape": ["batch", 2], "dtype": "float32"}}
    assert json.loads((run.folder / "components.json").read_text())["defaults"]["optimizer"] == {}
    assert not (run.folder / "metrics.jsonl").exists()
    assert not (run.folder / "trained.json").exists()


def test_a_smoke_run_trains_a_few_steps(tmp_path: Path):
    run = lay_out(tmp_path / "lab", "smoke", "loader.rows=500", "train.epochs=50", smoke=True)
    assert run.go().exit_code == 0
    assert sorted(run.metrics) == [2, 4]


def test_what_a_card_says_of_a_step_goes_into_the_record(tmp_path: Path) -> None:
    run = lay_out(tmp_path, "described", mode="check")
    card = '[Mean]\nslot = "preprocess"\nversion = "1.0"\nfits_on = "train"\nremoves = ["extra"]\n'
    (tmp_path / "parts.toml").write_text(card)
    assert run.go().exit_code == 0
    assert run.read("components.json")["components"]["preprocess.mean"] == {
        "use": "parts.py:Mean",
        "source": "parts.py",
        "slot": "preprocess",
        "version": "1.0",
        "fits_on": "train",
        "removes": ["extra"],
    }
