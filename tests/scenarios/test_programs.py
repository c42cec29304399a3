"""Programs that know nothing of gitexp, written with the libraries that people use (tests/programs), run as they are.

They run in `.venv-programs`, which `make programs` makes; the tests skip without it, and fail under CI=true.
"""

from __future__ import annotations

import csv
import fnmatch
import gzip
import os
import shutil
import subprocess
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


LIGHTNING = ("lightning_logs/version_?/checkpoints/epoch=?-step=*.ckpt", "lightning_logs/version_?/hparams.yaml")


@dataclass(frozen=True)
class Program:
    """A folder of tests/programs, what people type there, and what gitexp must know of it."""

    folder: str
    command: str
    changed: str  # the same with one other setting
    named: str  # how diff names it
    left: tuple[str, ...]  # what a run leaves lying, as git's patterns
    kept: tuple[str, ...]  # of it, what `--save` with these patterns keeps
    packages: tuple[str, ...]
    metrics: dict[str, tuple[int, int | None]]  # how many values each has, and the step of the last
    asked: tuple[str, ...] = ()  # what must be said for them; (): they are seen without a word
    exit_code: int = 0
    said: str = ""  # beside the record
    same: str = "identical inputs, identical metrics"  # what diff says of a repeat
    edit: tuple[str, str, str] | None = None  # the other setting, where it is committed: a file, a text, another
    env: dict[str, str] = field(default_factory=dict)


PROGRAMS = {
    "nanogpt": Program(
        folder="nanogpt",
        command="python train.py --max_iters=20",
        changed="python train.py --max_iters=20 --seed=7",
        named="seed  (none)  →  7",
        left=("out/",),
        kept=("out/ckpt.pt",),
        packages=("torch",),
        metrics={"val_loss": (2, 20), "loss": (5, 20)},
        asked=(
            r"--metric=val_loss=step (?P<step>\d+):.*val loss (\S+)",
            r"--metric=loss=iter (?P<step>\d+): loss ([\d.]+)",
        ),
    ),
    "tensorboard": Program(
        folder="tensorboard",
        command="python train.py --lr 0.01",
        changed="python train.py --lr 0.02",
        named="lr  0.01  →  0.02",
        left=("runs/", "model.pt"),
        kept=("model.pt", "runs/*/events.out.tfevents.*"),
        packages=("torch", "tensorboard"),
        metrics={"Loss/train": (66, 65), "Accuracy/test": (3, 2)},
    ),
    "lightning_csv": Program(
        folder="lightning_csv",
        command="python train.py --lr 0.01",
        changed="python train.py --lr 0.02",
        named="lr  0.01  →  0.02",
        left=("lightning_logs/",),
        kept=(*LIGHTNING, "lightning_logs/version_?/metrics.csv"),
        packages=("pytorch-lightning",),
        metrics={"train_loss": (13, 64), "val_acc": (3, 65), "val_loss": (3, 65)},
    ),
    "lightning_tensorboard": Program(
        folder="lightning_tensorboard",
        command="python train.py --lr 0.01",
        changed="python train.py --lr 0.02",
        named="lr  0.01  →  0.02",
        left=("lightning_logs/",),
        kept=(*LIGHTNING, "lightning_logs/version_?/events.out.tfevents.*"),
        packages=("pytorch-lightning", "tensorboard"),
        metrics={"train_loss": (13, 64), "val_acc": (3, 65), "val_loss": (3, 65)},
    ),
    "hf_trainer": Program(
        folder="hf_trainer",
        command="python train.py --lr 0.005",
        changed="python train.py --lr 0.001",
        named="lr  0.005  →  0.001",
        left=("out/",),
        kept=("out/checkpoint-20/trainer_state.json", "out/model.safetensors", "out/trainer_state.json"),
        packages=("transformers", "accelerate"),
        metrics={"loss": (2, 20), "eval_accuracy": (2, 20), "train_loss": (1, 20)},
    ),
    "hydra": Program(
        folder="hydra",
        command="python train.py optim.lr=0.01",
        changed="python train.py optim.lr=0.02",
        named="optim.lr  0.01  →  0.02",
        left=("outputs/",),
        kept=("outputs/*/*/.hydra/config.yaml", "outputs/*/*/metrics.jsonl", "outputs/*/*/model.pt"),
        packages=("hydra-core", "omegaconf"),
        metrics={"loss": (3, 2), "accuracy": (3, 2)},
    ),
    "timm": Program(
        folder="timm",
        command="python train.py --lr 0.005",
        changed="python train.py --lr 0.001",
        named="lr  0.005  →  0.001",
        left=("output/",),
        kept=("output/train/*/model_best.pth.tar", "output/train/*/summary.csv"),
        packages=("timm",),
        metrics={"train_loss": (3, 2), "eval_loss": (3, 2), "eval_top1": (3, 2)},
    ),
    "xgboost": Program(
        folder="xgboost",
        command="python train.py --max-depth 4",
        changed="python train.py --max-depth 2",
        named="max-depth  4  →  2",
        left=("model.json", "results.json"),
        kept=("model.json", "results.json"),
        packages=("xgboost-cpu", "scikit-learn"),
        metrics={"accuracy": (1, None), "test_mlogloss": (1, None)},
    ),
    "mlflow_sqlite": Program(
        folder="mlflow",
        command="python train.py --lr 0.01",
        changed="python train.py --lr 0.1",
        named="lr  0.01  →  0.1",
        left=("mlflow.db", "mlruns/"),
        kept=("mlflow.db", "mlruns/1/*/artifacts/coefficients.txt"),
        packages=("mlflow-skinny",),
        metrics={"train_loss": (3, 2), "val_accuracy": (3, 2)},
    ),
    "mlflow_files": Program(
        folder="mlflow",
        command="python train.py --lr 0.01",
        changed="python train.py --lr 0.1",
        named="lr  0.01  →  0.1",
        left=("mlruns/",),
        kept=("mlruns/*/*/metrics/val_accuracy", "mlruns/*/*/artifacts/coefficients.txt"),
        packages=("mlflow-skinny",),
        env={"MLFLOW_TRACKING_URI": "./mlruns", "MLFLOW_ALLOW_FILE_STORE": "true"},
        metrics={"train_loss": (3, 2), "val_accuracy": (3, 2)},
    ),
    "wandb": Program(
        folder="wandb",
        command="python train.py --lr 0.01",
        changed="python train.py --lr 0.02",
        named="lr  0.01  →  0.02",
        left=("wandb/", "model.pt"),
        kept=("model.pt", "wandb/offline-run-*/run-*.wandb"),
        packages=("wandb",),
        env={"WANDB_MODE": "offline"},
        metrics={"train/loss": (3, 2), "val/accuracy": (3, 2)},
    ),
    "papermill": Program(
        folder="papermill",
        command="papermill train.ipynb out.ipynb -p lr 0.05",
        changed="papermill train.ipynb out.ipynb -p lr 0.01",
        named="0.05  →  lr 0.01",
        left=("out.ipynb", "results.json"),
        kept=("out.ipynb", "results.json"),
        packages=("papermill", "ipykernel"),
        metrics={"accuracy": (1, None)},
    ),
    "dvclive": Program(
        folder="dvclive",
        command="python train.py --lr 0.01",
        changed="python train.py --lr 0.1",
        named="lr  0.01  →  0.1",
        left=("dvclive/", "dvc.yaml"),
        kept=("dvclive/metrics.json", "dvclive/params.yaml", "dvclive/plots/metrics/val/accuracy.tsv"),
        packages=("dvclive",),
        metrics={"train/loss": (3, 2), "val/accuracy": (3, 2)},
    ),
    "keras": Program(
        folder="keras",
        command="python train.py --lr 0.01",
        changed="python train.py --lr 0.02",
        named="lr  0.01  →  0.02",
        left=("model.keras", "training.csv"),
        kept=("model.keras", "training.csv"),
        packages=("keras",),
        metrics={"loss": (3, 2), "val_accuracy": (3, 2)},
    ),
    "metric_lines": Program(
        folder="metric_lines",
        command="python train.py",
        changed="python train.py --lr 0.02",
        named="lr  (none)  →  0.02",
        left=(),
        kept=(),
        packages=("torch",),
        metrics={"train_loss": (3, 2), "val_accuracy": (2, None), "num_params": (1, None)},
    ),
    "lightning_seeds": Program(
        folder="lightning_seeds",
        command="python train.py --seeds 0 1",
        changed="python train.py --seeds 0 2",
        named="seeds  0 1  →  0 2",
        left=("lightning_logs/",),
        kept=LIGHTNING,
        packages=("pytorch-lightning",),
        metrics={},
        exit_code=1,
        same="identical inputs",
        said="2 trainings in one program (lightning_logs/version_",
    ),
    "hydra_multirun": Program(
        folder="hydra",
        command="python train.py -m optim.lr=0.1,0.01",
        changed="python train.py -m optim.lr=0.1,0.02",
        named="optim.lr  0.1,0.01  →  0.1,0.02",
        left=("multirun/",),
        kept=("multirun/*/*/0/model.pt", "multirun/*/*/1/model.pt"),
        packages=("hydra-core",),
        metrics={},
        exit_code=1,
        same="identical inputs",
        said="2 trainings in one program (multirun/",
    ),
    "dvc": Program(
        folder="dvc",
        command="dvc repro -f",
        changed="dvc repro -f",
        edit=("params.yaml", "n_est: 50", "n_est: 100"),
        named="train.n_est  50  →  100",
        left=(),
        kept=(),
        packages=("dvc", "scikit-learn"),
        metrics={"accuracy": (1, None), "log_loss": (1, None)},
        asked=("--metrics=metrics.json",),  # git tracks it, and a repeat leaves it as it was
    ),
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
    if program.folder in {"dvc", "dvclive"}:
        assert there.command("dvc", "init", "-q").exit_code == 0
    if program.folder == "dvc":
        assert there.command("dvc", "repro", "-q").exit_code == 0  # dvc.lock and metrics.json are committed
    there.commit("a program as it is")
    return there


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_as_it_is_is_recorded_with_the_packages_that_it_has(lab: Lab, program: Program) -> None:
    lab = in_its_folder(lab, program)
    result = lab.gitexp("run", "--", *program.command.split())
    assert result.exit_code == program.exit_code, result.stderr
    assert program.said in result.stderr
    (run,) = lab.runs()
    environment = tomllib.loads(lab.show(f"{run}:environment.toml"))
    assert environment["interpreter"]["executable"] == str(BIN / "python")
    assert set(program.packages) <= set(environment["packages"])
    assert logged(lab, run, program) == ({} if program.asked else program.metrics)
    left = lab.git("ls-files", "--others", "--exclude-standard", *exclude(program))
    assert left == "", "it leaves more than the table says"


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_with_one_more_line_a_repeat_is_the_same_and_a_changed_setting_is_named(lab: Lab, program: Program) -> None:
    lab = in_its_folder(lab, program)
    line = ["--data", "digits=data/digits.csv.gz", *(f"--save={pattern}" for pattern in program.left), *program.asked]
    for command in (program.command, program.command, program.changed):
        if program.edit and len(lab.runs()) == 2:
            name, old, new = program.edit
            lab.write(name, (lab.path / name).read_text().replace(old, new))
            lab.commit("another setting")
        result = lab.gitexp("run", *line, "--", *command.split())
        assert result.exit_code == program.exit_code, result.stderr
    data = tomllib.loads(lab.show("experiments:data.toml"))
    assert data["digits"]["digest"] == "xxh128:6d16d10074c6cb7ad662945e1a87e52b"
    kept = [line.split("  ")[1] for line in lab.show("experiments:artifacts.xxh128").splitlines()]
    assert [pattern for pattern in program.kept if not fnmatch.filter(kept, pattern)] == []
    changed, repeat, first = lab.runs()
    assert [logged(lab, run, program) for run in (first, repeat, changed)] == [program.metrics] * 3
    assert program.same in lab.gitexp("diff", first, repeat).stdout
    assert program.named in lab.gitexp("diff", repeat, changed).stdout


def logged(lab: Lab, run: str, program: Program) -> dict[str, tuple[int, int | None]]:
    """Of the metrics in the table, how many values each has in history.csv, and the step of the last."""
    rows = list(csv.DictReader(lab.show(f"{run}:history.csv").splitlines()))
    steps = {name: [row["step"] for row in rows if row.get(name)] for name in program.metrics}
    return {name: (len(found), int(found[-1]) if found[-1] else None) for name, found in steps.items() if found}


def exclude(program: Program) -> list[str]:
    """The options by which git leaves out what the table says that a run leaves."""
    return [f"--exclude=/{pattern}" for pattern in program.left]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The folder with the commands `dvc` and `papermill` of an environment of their own, as pipx makes them."""
    folder = tmp_path / "elsewhere"
    subprocess.run([BIN / "python", "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/*/site-packages")
    (packages / "tools.pth").write_text(f"{next(BIN.parent.glob('lib/*/site-packages'))}\n")
    for name, module in (("dvc", "dvc.cli"), ("papermill", "papermill.cli")):
        main = {"dvc": "main", "papermill": "papermill"}[name]
        command = folder / "bin" / name
        command.write_text(f"#!{folder}/bin/python\nimport sys\nfrom {module} import {main}\nsys.exit({main}())\n")
        command.chmod(0o755)
    return folder / "bin"


LAUNCHED = {
    "dvc": ("dvc", "dvc repro -f", "elsewhere/bin/python"),
    "papermill": ("papermill", "papermill train.ipynb out.ipynb -k project", "elsewhere/bin/python"),
    "make": ("xgboost", "make train", "none"),
}


@pytest.mark.parametrize(("folder", "command", "launched_by"), LAUNCHED.values(), ids=LAUNCHED)
def test_of_a_launcher_and_the_program_that_computes_the_program_is_recorded(
    lab: Lab, elsewhere: Path, folder: str, command: str, launched_by: str
) -> None:
    lab.write("Makefile", "train:\n\tpython train.py\n")
    lab = in_its_folder(lab, next(program for program in PROGRAMS.values() if program.folder == folder))
    assert lab.command("python", "-m", "ipykernel", "install", "--user", "--name", "project").exit_code == 0
    name, *arguments = command.split()
    launcher = elsewhere / name if (elsewhere / name).exists() else Path(name)
    result = lab.gitexp("run", "--", str(launcher), *arguments)
    assert result.exit_code == 0, result.stderr
    environment = tomllib.loads(lab.show("experiments:environment.toml"))
    assert environment["interpreter"]["executable"] == str(BIN / "python")
    assert environment.get("launcher", {"path": "none"})["path"].endswith(launched_by)
