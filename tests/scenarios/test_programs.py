"""Programs that know nothing of gitexp, written with the libraries that people use (tests/programs), run as they are.

They run in `.venv-programs`, which `make programs` makes; the tests skip without it, and fail under CI=true.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from harness import Lab

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv-programs" / "bin"

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(
        not (BIN / "python").exists() and os.environ.get("CI") != "true",
        reason=".venv-programs is not there (make programs)",
    ),
]


@dataclass(frozen=True)
class Program:
    """A folder of tests/programs, what people type there, and what a record of it must say."""

    folder: str
    command: str
    left: tuple[str, ...]  # what a run leaves lying, as git's patterns
    packages: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


PROGRAMS = {
    "nanogpt": Program("nanogpt", "python train.py --max_iters=20", ("out/",), ("torch",)),
    "metric_lines": Program("metric_lines", "python train.py", (), ("torch",)),
    "tensorboard": Program("tensorboard", "python train.py", ("runs/", "model.pt"), ("torch", "tensorboard")),
    "lightning_csv": Program("lightning_csv", "python train.py", ("lightning_logs/",), ("pytorch-lightning",)),
    "lightning_tensorboard": Program(
        "lightning_tensorboard", "python train.py", ("lightning_logs/",), ("pytorch-lightning", "tensorboard")
    ),
    "lightning_seeds": Program(
        "lightning_seeds", "python train.py --seeds 0 1", ("lightning_logs/",), ("pytorch-lightning",)
    ),
    "hf_trainer": Program("hf_trainer", "python train.py", ("out/",), ("transformers", "accelerate")),
    "hydra": Program("hydra", "python train.py optim.lr=0.02", ("outputs/",), ("hydra-core", "omegaconf")),
    "hydra_multirun": Program("hydra", "python train.py -m optim.lr=0.1,0.01", ("multirun/",), ("hydra-core",)),
    "timm": Program("timm", "python train.py", ("output/",), ("timm",)),
    "xgboost": Program("xgboost", "python train.py", ("model.json", "results.json"), ("xgboost-cpu", "scikit-learn")),
    "mlflow_sqlite": Program("mlflow", "python train.py", ("mlflow.db", "mlruns/"), ("mlflow-skinny",)),
    "mlflow_files": Program(
        "mlflow",
        "python train.py",
        ("mlruns/",),
        ("mlflow-skinny",),
        {"MLFLOW_TRACKING_URI": "./mlruns", "MLFLOW_ALLOW_FILE_STORE": "true"},
    ),
    "wandb": Program("wandb", "python train.py", ("wandb/", "model.pt"), ("wandb",), {"WANDB_MODE": "offline"}),
    "papermill": Program(
        "papermill",
        "papermill train.ipynb out.ipynb -p lr 0.05",
        ("out.ipynb", "results.json"),
        ("papermill", "ipykernel"),
    ),
    "dvc": Program(
        "dvc", "dvc repro", (".gitignore", "dvc.lock", "metrics.json", "prepared/.gitignore"), ("dvc", "scikit-learn")
    ),
    "dvclive": Program("dvclive", "python train.py", ("dvclive/", "dvc.yaml", ".dvc*"), ("dvclive",)),
    "keras": Program("keras", "python train.py", ("model.keras", "training.csv"), ("keras",)),
}


def in_its_folder(lab: Lab, program: Program) -> Lab:
    """The program, committed with its data, in the repository of somebody who has its libraries."""
    assert (BIN / "python").exists(), "make programs, which .ci/run does, makes .venv-programs"
    shutil.copytree(ROOT / "tests/programs" / program.folder, lab.path, dirs_exist_ok=True)
    (lab.path / "data").mkdir()
    shutil.copy(ROOT / "recipes/digits-mlp/digits.csv.gz", lab.path / "data")
    lab.write("data/input.txt", gzip.open(ROOT / "recipes/char-transformer/topics.txt.gz", "rt").read(50_000))
    path = f"{BIN}{os.pathsep}{lab.env['PATH']}"
    there = replace(lab, env={**lab.env, "PATH": path, "OMP_NUM_THREADS": "1", **program.env})
    if program.folder == "dvc":
        assert there.command("dvc", "init", "-q").exit_code == 0
    there.commit("a program as it is")
    return there


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_as_it_is_is_recorded_with_the_packages_that_it_has(lab: Lab, program: Program) -> None:
    lab = in_its_folder(lab, program)
    result = lab.gitexp("run", "--", *program.command.split())
    assert result.exit_code == 0, result.stderr
    (run,) = lab.runs()
    environment = tomllib.loads(lab.show(f"{run}:environment.toml"))
    assert environment["interpreter"]["executable"] == str(BIN / "python")
    assert set(program.packages) <= set(environment["packages"])
    left = lab.git("ls-files", "--others", "--exclude-standard", *exclude(program))
    assert left == "", "it leaves more than the table says"


def exclude(program: Program) -> list[str]:
    """The options by which git leaves out what the table says that a run leaves."""
    return [f"--exclude=/{pattern}" for pattern in program.left]
