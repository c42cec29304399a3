"""Which kind of store a path is, told by what is there, and its runs."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from gitexp.elsewhere.dvc import is_dvcs
from gitexp.elsewhere.foreign import Foreign, NoStore
from gitexp.elsewhere.neptune import PART
from gitexp.elsewhere.sheets import Columns
from gitexp.regularfile import read_regular

# As --as calls it → the name, and module and function of this room; of a file and of a folder.
KINDS = {
    "csv": ("a table", "sheets.of_file"),
    "mlflow": ("MLflow", "mlflow.of_folder"),
    "mlflow-sqlite": ("MLflow", "mlflow.of_database"),
    "trackio": ("trackio", "trackio.of_database"),
    "wandb": ("W&B", "wandb.of_files"),
    "dvc": ("DVC", "dvc.of_repository"),
    "neptune": ("Neptune", "neptune.of_files"),
    "tensorboard": ("TensorBoard", "tensorboard.of_files"),
}
READ = "tables (CSV, TSV), MLflow, trackio, W&B offline, TensorBoard, DVC's experiments, Neptune's export"
_SQLITE = b"SQLite format 3\0"


def stores(path: Path, said: str | None = None) -> list[tuple[str, Path]]:
    """The stores at a path: kind and file or folder of each. `said`: which kind, by the user. Raises NoStore."""
    if not (path.is_dir() or path.is_file()):  # such as the shell's <(…): reading it might wait for ever
        raise NoStore(f"{path} is a FIFO, a socket or a device", fix="write it to a file first, and import that")
    if said:
        return [(_exact(said, path), path)]
    found = [*_in_folder(path)] if path.is_dir() else [(kind, path)] if (kind := _of_file(path)) else []
    if not found:
        what = "holds no store that is known" if path.is_dir() else "is no store that is known"
        raise NoStore(f"{path} {what}", why=f"Read are {READ}.", fix="gitexp import --as KIND PATH")
    return found


def runs(kind: str, path: Path, columns: Columns, said: list[str]) -> Iterator[Foreign]:
    """The runs of a store. What there is to say of it as a whole goes into `said`. Raises NoStore."""
    module, _, name = KINDS[kind][1].partition(".")
    function: Any = getattr(import_module(f"gitexp.elsewhere.{module}"), name)
    yield from function(path, columns, said) if kind == "csv" else function(path)


def _exact(said: str, path: Path) -> str:
    return "mlflow-sqlite" if said == "mlflow" and path.is_file() else said


def _in_folder(path: Path) -> Iterator[tuple[str, Path]]:
    """A folder may be a store, or hold some: a project's folder has mlruns/ and wandb/."""
    for home in (path, path / "mlruns"):
        metas = [*home.glob("*/*/meta.yaml"), *home.glob("*/meta.yaml")]
        if any(b"run_id:" in read_regular(meta, most=1 << 16) for meta in metas[:1000]):
            yield "mlflow", home
            break
    if next(path.rglob("run-*.wandb"), None) is not None:
        yield "wandb", path
    elif next(path.rglob("*tfevents*"), None) is not None:  # wandb/ has copies of them
        yield "tensorboard", path
    for one in sorted(path.glob("*.db")):
        kind = _of_file(one)
        if kind:
            yield kind, one
    if next((one for one in path.rglob("*_part_*.parquet") if PART.fullmatch(one.name)), None) is not None:
        yield "neptune", path
    if is_dvcs(path):
        yield "dvc", path
    if (path / "results.tsv").is_file():
        yield "csv", path / "results.tsv"


def _of_file(path: Path) -> str | None:
    beginning = read_regular(path, most=1 << 16)
    if beginning.startswith(_SQLITE):
        return _database(path)
    if path.suffix == ".wandb" or beginning[:4] == b":W&B":
        return "wandb"
    if PART.fullmatch(path.name) and beginning[:4] == b"PAR1":
        return "neptune"
    if "tfevents" in path.name:
        return "tensorboard"
    return "csv" if path.suffix.lower() in (".csv", ".tsv") else None


def _database(path: Path) -> str | None:
    import sqlite3
    from contextlib import closing

    from gitexp.capture.mlflow import opened

    try:
        with closing(opened(path)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except (sqlite3.Error, OSError) as error:
        raise NoStore(f"{path} cannot be read: {error}") from error
    return "mlflow-sqlite" if "runs" in tables else "trackio" if {"metrics", "configs"} <= tables else None
