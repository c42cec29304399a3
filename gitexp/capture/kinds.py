"""Which files of a working folder are of a kind that gitexp reads, told by their paths alone.

Importing this costs `re`. The order is precedence: where two files of one training have a metric of one name, the kind
that stands first is believed, which is text in full precision before event files with their 32 bits.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of file. `pattern` is matched in full against a POSIX path below the working folder.

    Its group `training` is the folder whose files are of one training; None: the working folder itself.
    """

    name: str  # as people call it
    switch: str  # as [capture] calls it: one of `CAPTURES` of spec/config.py
    pattern: str
    reader: str  # module and function of this room; "": it has settings alone
    grows: bool = False  # lines or records are only ever added, so that it can be read from a byte on
    latest: bool = False  # each holds all that was there before: of several of one training the newest counts
    several: bool = False  # `reader` gives the sources of a store, which may hold several trainings, and old ones
    settings: str = ""  # module and function that give the settings, where they are not the store's


_HERE = r"(?:(?P<training>.+?)/)??"
_VERSION = r"(?P<training>(?:.+/)?version_\d+)"
_MLRUN = r"(?P<training>(?:.+/)?mlruns/[^/]+/[0-9a-f]{32})"
_WANDB = r"(?P<training>(?:.+/)?wandb/(?:offline-)?run-[^/]+)"

KINDS: tuple[Kind, ...] = (
    Kind("Lightning's CSVLogger", "lightning", _VERSION + r"/metrics\.csv", "tables.by_step", grows=True),
    Kind("timm", "timm", _HERE + r"summary\.csv", "tables.of_epochs", grows=True),
    Kind("metrics.csv", "csv", _HERE + r"metrics\.csv", "tables.by_step", grows=True),
    Kind("CSV by epoch", "csv", _HERE + r"[^/]+\.(?:csv|log)", "tables.of_epochs", grows=True),  # Keras' CSVLogger
    Kind("Trainer", "trainer", _HERE + r"(?:checkpoint-\d+/)?trainer_state\.json", "documents.trainer", latest=True),
    Kind("dvclive", "dvclive", _HERE + r"plots/metrics/.+\.tsv", "tables.of_one_metric", grows=True),
    Kind("MLflow", "mlflow", _MLRUN + r"/meta\.yaml", "mlflow.of_folder", several=True),
    Kind("MLflow", "mlflow", _HERE + r"(?:mlflow|mlruns)\.db", "mlflow.of_database", several=True),
    Kind("W&B", "wandb", _WANDB + r"/run-[^/]+\.wandb", "wandb.read", settings="wandb.settings"),
    Kind("metrics.jsonl", "json", _HERE + r"(?:metrics|results|history|log)\.jsonl", "documents.lines", grows=True),
    Kind("metrics.json", "json", _HERE + r"metrics\.json", "documents.document"),
    Kind("results.json", "json", _HERE + r"(?:[^/]+_)?results\.json", "documents.document"),
    Kind("Hydra", "settings", _HERE + r"\.hydra/config\.yaml", "", settings="settings.of_yaml"),
    Kind("hparams.yaml", "settings", _HERE + r"hparams\.yaml", "", settings="settings.of_yaml"),  # Lightning's loggers
    Kind("timm", "timm", _HERE + r"args\.yaml", "", settings="settings.of_yaml"),
    Kind("dvclive", "dvclive", r"(?P<training>(?:.+/)?dvclive)/params\.yaml", "", settings="settings.of_yaml"),
    Kind("TensorBoard", "tensorboard", _HERE + r"[^/]*tfevents[^/]*", "events.read", grows=True),
)

# How the names of all but TensorBoard's end: a folder of data holds thousands of other files of such endings.
NAMES = (
    *("metrics.csv", "summary.csv", "trainer_state.json", "metrics.json", "results.json", ".jsonl", ".tsv", ".wandb"),
    *("meta.yaml", "config.yaml", "hparams.yaml", "args.yaml", "params.yaml", "mlflow.db", "mlruns.db"),
)
_ENDS = (*NAMES, ".csv", ".log")
_ANY = next(kind for kind in KINDS if kind.name == "CSV by epoch")


def may_be_a_kind(name: str) -> bool:
    """Whether a file of this name, without its folder, may be of a kind: asked of thousands."""
    return name.endswith(_ENDS) or "tfevents" in name


def is_packed(name: str) -> bool:
    """Whether a file of this name is of a kind that is no text."""
    return "tfevents" in name or name.endswith((".wandb", "mlflow.db", "mlruns.db"))


def kind_of(path: str) -> Kind | None:
    """The kind of the file at this path, or None. Says nothing of what is in it."""
    if path.endswith(NAMES) or "tfevents" in path:
        return next((kind for kind in KINDS if re.fullmatch(kind.pattern, path)), None)
    return _ANY if path.endswith((".csv", ".log")) else None


def training_of(kind: Kind, path: str) -> str:
    """The folder of the training that this file is of; "" for the working folder."""
    match = re.fullmatch(kind.pattern, path)
    return (match["training"] if match else None) or ""
