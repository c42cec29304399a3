"""Programs that know nothing of gitexp, written with the libraries that people use (tests/programs), run as they are.

The lines that are typed are those of docs/guide/programs.md.

They run in `.venv-programs`, which `make programs` makes; the tests skip without it, and fail under CI=true.
"""

from __future__ import annotations

import csv
import gzip
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
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
class Row:
    """What docs/guide/programs.md says of a program."""

    command: str  # what people type, with the variables in front of it
    kind: str  # where a bare run's metrics are seen: the words before the colon
    metrics: frozenset[str]
    settings: str  # whose table of settings.toml
    line: str


def rows_of_the_page() -> dict[str, Row]:
    """The table of docs/guide/programs.md, by the names of its rows: HF Trainer is hf_trainer."""
    page = (ROOT / "docs/guide/programs.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| [")]
    table = {}
    for program, bare, line, _ in rows:
        kind, _, logged = bare.partition(": ")
        logged, _, settings = logged.partition("; settings: ")
        name = program[1:].partition("]")[0].lower().replace(" ", "_")
        metrics = frozenset(re.findall("`(.*?)`", logged))
        table[name] = Row(program.split("`")[1], kind, metrics, settings, line.strip("`"))
    return table


PAGE = rows_of_the_page()
DIGESTS = {"digits": "xxh128:6d16d10074c6cb7ad662945e1a87e52b", "text": "xxh128:73ab0c0d8b8993fbee636602627fe936"}


@dataclass(frozen=True)
class Program:
    """A folder of tests/programs, and what of its runs the page does not say. `PAGE` has the rest."""

    folder: str
    changed: str  # the command with one other setting
    named: str  # how diff names it
    kept: tuple[str, ...]  # of what `--save` keeps, as patterns
    packages: tuple[str, ...]
    metrics: dict[str, tuple[int, int | None]]  # how many values each has, and the step of the last
    settings: tuple[str, object] | None = None  # one that the program noted
    exit_code: int = 0  # of a bare run
    said: str = ""  # beside its record
    edit: tuple[str, str, str] | None = None  # the other setting, where it is committed: a file, a text, another


PROGRAMS = {
    "nanogpt": Program(
        folder="nanogpt",
        changed="python train.py --max_iters=20 --seed=7",
        named="seed  (none)  →  7",
        kept=("out/ckpt.pt",),
        packages=("torch",),
        metrics={"val": (2, 20), "loss": (5, 20)},
    ),
    "tensorboard": Program(
        folder="tensorboard",
        changed="python train.py --lr 0.02",
        named="lr  0.01  →  0.02",
        kept=("model.pt", "runs/*/events.out.tfevents.*"),
        packages=("torch", "tensorboard"),
        metrics={"Loss/train": (66, 65), "Accuracy/test": (3, 2)},
    ),
    "lightning_csv": Program(
        folder="lightning_csv",
        changed="python train.py --lr 0.02",
        named="lr  0.01  →  0.02",
        kept=(*LIGHTNING, "lightning_logs/version_?/metrics.csv"),
        packages=("pytorch-lightning",),
        metrics={"train_loss": (13, 64), "val_acc": (3, 65), "val_loss": (3, 65)},
        settings=("lr", 0.01),
    ),
    "lightning_tensorboard": Program(
        folder="lightning_tensorboard",
        changed="python train.py --lr 0.02",
        named="lr  0.01  →  0.02",
        kept=(*LIGHTNING, "lightning_logs/version_?/events.out.tfevents.*"),
        packages=("pytorch-lightning", "tensorboard"),
        metrics={"train_loss": (13, 64), "val_acc": (3, 65), "val_loss": (3, 65)},
        settings=("lr", 0.01),
    ),
    "hf_trainer": Program(
        folder="hf_trainer",
        changed="python train.py --lr 0.001",
        named="lr  0.005  →  0.001",
        kept=("out/checkpoint-20/trainer_state.json", "out/model.safetensors", "out/trainer_state.json"),
        packages=("transformers", "accelerate"),
        metrics={"loss": (2, 20), "eval_accuracy": (2, 20), "train_loss": (1, 20)},
    ),
    "hydra": Program(
        folder="hydra",
        changed="python train.py optim.lr=0.02",
        named="optim.lr  0.01  →  0.02",
        kept=("outputs/*/*/.hydra/config.yaml", "outputs/*/*/metrics.jsonl", "outputs/*/*/model.pt"),
        packages=("hydra-core", "omegaconf"),
        metrics={"loss": (3, 2), "accuracy": (3, 2)},
        settings=("optim.lr", 0.01),
    ),
    "timm": Program(
        folder="timm",
        changed="python train.py --lr 0.001",
        named="lr  0.005  →  0.001",
        kept=("output/train/*/model_best.pth.tar", "output/train/*/summary.csv"),
        packages=("timm",),
        metrics={"train_loss": (3, 2), "eval_loss": (3, 2), "eval_top1": (3, 2)},
        settings=("lr", 0.005),
    ),
    "xgboost": Program(
        folder="xgboost",
        changed="python train.py --max-depth 2",
        named="max-depth  4  →  2",
        kept=("model.json", "results.json"),
        packages=("xgboost-cpu", "scikit-learn"),
        metrics={"accuracy": (1, None), "test_mlogloss": (1, None)},
    ),
    "mlflow_sqlite": Program(
        folder="mlflow",
        changed="python train.py --lr 0.1",
        named="lr  0.01  →  0.1",
        kept=("mlflow.db", "mlruns/1/*/artifacts/coefficients.txt"),
        packages=("mlflow-skinny",),
        metrics={"train_loss": (3, 2), "val_accuracy": (3, 2)},
        settings=("lr", "0.01"),
    ),
    "mlflow_files": Program(
        folder="mlflow",
        changed="python train.py --lr 0.1",
        named="lr  0.01  →  0.1",
        kept=("mlruns/*/*/metrics/val_accuracy", "mlruns/*/*/artifacts/coefficients.txt"),
        packages=("mlflow-skinny",),
        metrics={"train_loss": (3, 2), "val_accuracy": (3, 2)},
        settings=("lr", "0.01"),
    ),
    "wandb": Program(
        folder="wandb",
        changed="python train.py --lr 0.02",
        named="lr  0.01  →  0.02",
        kept=("model.pt", "wandb/offline-run-*/run-*.wandb"),
        packages=("wandb",),
        metrics={"train/loss": (3, 2), "val/accuracy": (3, 2)},
        settings=("lr", 0.01),
    ),
    "papermill": Program(
        folder="papermill",
        changed="papermill train.ipynb out.ipynb -p lr 0.01",
        named="0.05  →  lr 0.01",
        kept=("out.ipynb", "results.json"),
        packages=("papermill", "ipykernel"),
        metrics={"accuracy": (1, None)},
    ),
    "dvclive": Program(
        folder="dvclive",
        changed="python train.py --lr 0.1",
        named="lr  0.01  →  0.1",
        kept=("dvclive/metrics.json", "dvclive/params.yaml", "dvclive/plots/metrics/val/accuracy.tsv"),
        packages=("dvclive",),
        metrics={"train/loss": (3, 2), "val/accuracy": (3, 2)},
        settings=("lr", 0.01),
    ),
    "keras": Program(
        folder="keras",
        changed="python train.py --lr 0.02",
        named="lr  0.01  →  0.02",
        kept=("model.keras", "training.csv"),
        packages=("keras",),
        metrics={"loss": (3, 2), "val_accuracy": (3, 2)},
    ),
    "metric_lines": Program(
        folder="metric_lines",
        changed="python train.py --lr 0.02",
        named="lr  (none)  →  0.02",
        kept=(),
        packages=("torch",),
        metrics={"train_loss": (3, 2), "val_accuracy": (2, None), "num_params": (1, None)},
    ),
    "lightning_seeds": Program(
        folder="lightning_seeds",
        changed="python train.py --seeds 2",
        named="seeds  0  →  2",
        kept=LIGHTNING,
        packages=("pytorch-lightning",),
        metrics={"train_loss": (13, 64), "val_acc": (3, 65), "val_loss": (3, 65)},
        exit_code=1,
        said="2 trainings in one program (lightning_logs/version_",
    ),
    "hydra_multirun": Program(
        folder="hydra",
        changed="python train.py -m optim.lr=0.1,0.02 hydra.sweep.dir=multirun",
        named="optim.lr  0.1,0.01  →  0.1,0.02",
        kept=("multirun/0/model.pt", "multirun/1/model.pt"),
        packages=("hydra-core",),
        metrics={"loss": (3, 2), "accuracy": (3, 2)},
        exit_code=1,
        said="2 trainings in one program (multirun/",
    ),
    "dvc": Program(
        folder="dvc",
        changed="dvc repro -f",
        edit=("params.yaml", "n_est: 50", "n_est: 100"),
        named="train.n_est  50  →  100",
        kept=(),
        packages=("dvc", "scikit-learn"),
        metrics={"accuracy": (1, None), "log_loss": (1, None)},
        settings=("train.n_est", 50),
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
    there = replace(lab, env={**lab.env, "PATH": path, "OMP_NUM_THREADS": "1"})
    if program.folder in {"dvc", "dvclive"}:
        assert there.command("dvc", "init", "-q").exit_code == 0
    if program.folder == "dvc":
        assert there.command("dvc", "repro", "-q").exit_code == 0  # dvc.lock and metrics.json are committed
    there.commit("a program as it is")
    return there


def test_the_page_and_this_file_have_the_same_programs() -> None:
    assert sorted(PAGE) == sorted(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_as_it_is_is_recorded_as_the_page_says(lab: Lab, name: str) -> None:
    program, row = PROGRAMS[name], PAGE[name]
    lab = in_its_folder(lab, program)
    result = lab.command("sh", "-c", re.sub(r"^((\w+=\S+ )*)", r"\1gitexp run -- ", row.command))
    assert result.exit_code == program.exit_code, result.stderr
    assert program.said in result.stderr
    (run,) = lab.runs()
    environment = lab.toml("environment.toml", run)
    assert environment["interpreter"]["executable"] == str(BIN / "python")
    assert set(program.packages) <= set(environment["packages"])
    assert logged(lab, run, program) == {metric: program.metrics[metric] for metric in row.metrics}
    seen = lab.toml("run.toml", run).get("seen", ())
    kinds = {one["kind"] for one in seen if one.get("metrics")}
    assert kinds == ({row.kind} if row.metrics else set())
    if program.settings:
        key, value = program.settings
        assert lab.toml("settings.toml", run)[row.settings][key] == value
    else:
        assert row.settings == ""
        assert "settings.toml" not in lab.git("ls-tree", "--name-only", run).split()
    left = lab.git("ls-files", "--others", "--exclude-standard", *exclude(row))
    assert left == "", "it leaves more than the page's line keeps"


@pytest.mark.parametrize("name", PROGRAMS)
def test_with_one_more_line_a_repeat_is_the_same_and_a_changed_setting_is_named(
    lab: Lab, name: str, tmp_path: Path
) -> None:
    program, row = PROGRAMS[name], PAGE[name]
    lab = in_its_folder(lab, program)
    options, _, command = row.line.partition(" -- ")
    for typed in (command, command, program.changed):
        if program.edit and len(lab.runs()) == 2:
            file, old, new = program.edit
            lab.write(file, (lab.path / file).read_text().replace(old, new))
            lab.commit("another setting")
        result = lab.command("sh", "-c", f"{options} -- {typed}")
        assert result.exit_code == 0, result.stderr
    changed, repeat, first = lab.runs()
    assert [logged(lab, run, program) for run in (first, repeat, changed)] == [program.metrics] * 3
    assert "identical inputs, identical metrics" in lab.gitexp("diff", first, repeat).stdout
    assert program.named in lab.gitexp("diff", repeat, changed).stdout
    came_back(lab, program, tmp_path / "back")
    if name in FROM:
        goes_on_as_a_recipe(lab, FROM[name])


def came_back(lab: Lab, program: Program, to: Path) -> None:
    """Of the latest run, data and outputs are known by digest and can be had as files."""
    assert lab.gitexp("get", "latest", "--to", str(to)).exit_code == 0
    for name, data in lab.toml("data.toml").items():
        assert data["digest"] == DIGESTS[name]
        (back,) = (to / "data" / name).iterdir()
        assert back.read_bytes() == (lab.path / data["path"]).read_bytes()
    for pattern in program.kept:
        kept = [path.relative_to(to / "artifacts") for path in (to / "artifacts").glob(pattern)]
        assert kept, pattern
        assert [path for path in kept if (to / "artifacts" / path).read_bytes() != (lab.path / path).read_bytes()] == []


FROM = {"nanogpt": ("--seed", "8"), "hydra": ("-s", "optim.lr=0.03")}  # what is typed for a last run


def goes_on_as_a_recipe(lab: Lab, typed: tuple[str, str]) -> None:
    """`gitexp new NAME --from latest` runs to the same numbers, and to others where it is told another setting."""
    assert lab.gitexp("new", "same", "--from", "latest").exit_code == 0
    lab.commit("a recipe")
    for options in ((), typed):
        result = lab.well("run", "same", *options)
    other, same, before, *_ = lab.runs()
    assert numbers(lab, same) == numbers(lab, before)
    assert numbers(lab, other) != numbers(lab, before)
    assert "takes the seed" not in result.stderr


def numbers(lab: Lab, run: str) -> list[dict[str, str]]:
    """history.csv without its clock."""
    rows = list(csv.DictReader(lab.show(f"{run}:history.csv").splitlines()))
    return [{name: value for name, value in row.items() if name != "time_s"} for row in rows]


def logged(lab: Lab, run: str, program: Program) -> dict[str, tuple[int, int | None]]:
    """Of the metrics in the table, how many values each has in history.csv, and the step of the last."""
    rows = numbers(lab, run)
    steps = {name: [row["step"] for row in rows if row.get(name)] for name in program.metrics}
    return {name: (len(found), int(found[-1]) if found[-1] else None) for name, found in steps.items() if found}


def exclude(row: Row) -> list[str]:
    """The options by which git leaves out what the page's line keeps."""
    return [f"--exclude=/{pattern}" for pattern in re.findall(r"--save (\S+)", row.line)]


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
    lab.well("run", "--", str(launcher), *arguments)
    environment = lab.toml("environment.toml")
    assert environment["interpreter"]["executable"] == str(BIN / "python")
    assert environment.get("launcher", {"path": "none"})["path"].endswith(launched_by)
