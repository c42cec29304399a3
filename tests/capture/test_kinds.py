"""Files are known by their paths, and those of one training by their folder."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from gitexp.capture.kinds import KINDS, kind_of, training_of
from gitexp.capture.reading import _function

KNOWN = [
    ("events.out.tfevents.17.host", "TensorBoard", ""),
    ("runs/a/events.out.tfevents.17.host.1.0", "TensorBoard", "runs/a"),
    ("lightning_logs/version_3/metrics.csv", "Lightning's CSVLogger", "lightning_logs/version_3"),
    ("version_3/metrics.csv", "Lightning's CSVLogger", "version_3"),
    ("out/metrics.csv", "metrics.csv", "out"),
    ("output/train/2026-resnet/summary.csv", "timm", "output/train/2026-resnet"),
    ("training.csv", "CSV by epoch", ""),
    ("logs/training.log", "CSV by epoch", "logs"),
    ("out/checkpoint-20/trainer_state.json", "Trainer", "out"),
    ("out/trainer_state.json", "Trainer", "out"),
    ("checkpoint-20/trainer_state.json", "Trainer", ""),
    ("dvclive/plots/metrics/train/loss.tsv", "dvclive", "dvclive"),
    ("dvclive/metrics.json", "metrics.json", "dvclive"),
    ("out/all_results.json", "results.json", "out"),
    ("multirun/2026/0/metrics.jsonl", "metrics.jsonl", "multirun/2026/0"),
    ("mlflow.db", "MLflow", ""),
    (f"mlruns/1/{'a1' * 16}/meta.yaml", "MLflow", f"mlruns/1/{'a1' * 16}"),
    (".hydra/config.yaml", "Hydra", ""),
    ("multirun/2026/0/.hydra/config.yaml", "Hydra", "multirun/2026/0"),
    ("lightning_logs/version_0/hparams.yaml", "hparams.yaml", "lightning_logs/version_0"),
    ("dvclive/params.yaml", "dvclive", "dvclive"),
    ("wandb/offline-run-2026-x/run-x.wandb", "W&B", "wandb/offline-run-2026-x"),
    ("a/wandb/run-2026-x/run-x.wandb", "W&B", "a/wandb/run-2026-x"),
]


@pytest.mark.parametrize(("path", "name", "training"), KNOWN, ids=lambda value: str(value) or "-")
def test_a_file_is_known_by_its_path(path: str, name: str, training: str) -> None:
    kind = kind_of(path)
    assert kind is not None
    assert (kind.name, training_of(kind, path)) == (name, training)


@pytest.mark.parametrize(
    "path", ["model.json", "train.py", "mlruns/1/meta.yaml", "config.json", "data.tsv", "out/a.npz"]
)
def test_other_files_are_of_no_kind(path: str) -> None:
    assert kind_of(path) is None


def test_thousands_of_other_files_cost_little() -> None:
    paths = [f"data/{number}.{ending}" for number in range(20_000) for ending in ("json", "yaml", "csv", "png", "py")]
    begin = time.process_time()
    assert sum(kind_of(path) is not None for path in paths) == 20_000  # the tables, into which a look must be taken
    assert time.process_time() - begin < 0.5


def test_every_reader_is_there() -> None:
    assert all(callable(_function(kind.reader)) for kind in KINDS if kind.reader)
    assert all(callable(_function(kind.settings)) for kind in KINDS if kind.settings)


def test_to_know_the_kinds_costs_no_import_but_re() -> None:
    code = (
        "import __future__, sys, re, typing; before = set(sys.modules); import gitexp.capture.kinds;"
        "print(*(name for name in set(sys.modules) - before if not name.startswith('gitexp')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
