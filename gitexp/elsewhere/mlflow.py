"""The runs of MLflow's stores, SQLite or a folder of text, by the readers that capture has."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

from gitexp.capture.mlflow import files_in, of_files, of_run, opened, params_of, texts_in
from gitexp.elsewhere.foreign import Foreign, NoStore, seconds, text, texts
from gitexp.record.metricreader import Reader
from gitexp.record.rowblocks import Block
from gitexp.regularfile import read_regular
from gitexp.text.parameters import parameters

MOST_ARTIFACTS = 100
_LONGEST = 1 << 16
_STATUSES = {"FINISHED": "completed", "FAILED": "failed", "KILLED": "interrupted"}  # others were never ended
_NUMBERED = ("", "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")


def of_database(path: Path) -> Iterator[Foreign]:
    """The runs of a SQLite store, in the order in which they began. Raises NoStore."""
    try:
        with closing(opened(path)) as database:
            database.row_factory = sqlite3.Row
            runs = [dict(row) for row in database.execute("SELECT * FROM runs ORDER BY start_time, rowid")]
            names = dict(_if_there(database, "SELECT experiment_id, name FROM experiments"))
            tags: dict[object, dict[Any, Any]] = {}
            for run_id, key, value in _if_there(database, "SELECT run_uuid, key, value FROM tags"):
                tags.setdefault(run_id, {})[key] = value
    except (sqlite3.Error, OSError, ValueError) as error:
        raise NoStore(f"{path} cannot be read as MLflow's: {error}") from error
    for run in runs:
        run_id, began = str(run["run_uuid"]), seconds(run.get("start_time"))
        run["experiment"] = names.get(run.get("experiment_id"))
        rows = partial(of_run, path, run_id, None, began)
        settings = params_of(path, run_id, Reader(path.name)) or {}
        yield _foreign(run, tags.get(run["run_uuid"], {}), settings, rows, (), path)


def _if_there(database: sqlite3.Connection, query: str) -> Iterable[Any]:
    try:
        return database.execute(query)
    except sqlite3.OperationalError:
        return ()  # stores of other versions have other tables


def of_folder(path: Path) -> Iterator[Foreign]:
    """The runs of a folder of text such as mlruns/, or of one experiment in it."""
    experiment = cache(_meta)
    for meta in sorted([*path.glob("*/*/meta.yaml"), *path.glob("*/meta.yaml")]):
        run = _meta(meta)
        if "run_id" not in run and "run_uuid" not in run:
            continue  # an experiment, or a model
        folder = meta.parent
        run["experiment"] = experiment(folder.parent / "meta.yaml").get("name")
        run["run_uuid"] = folder.name  # as MLflow requires; in YAML, an id of digits alone may be a number
        run["name"] = run.get("run_name")
        number = run.get("status")
        run["status"] = _NUMBERED[number] if isinstance(number, int) and 0 < number < len(_NUMBERED) else number
        rows = partial(of_files, meta, None, seconds(run.get("start_time")))
        tags, settings = (texts_in(folder / name, Reader(name)) or {} for name in ("tags", "params"))
        saved = tuple(name for name, _ in islice(files_in(folder / "artifacts"), MOST_ARTIFACTS))
        yield _foreign(run, tags, settings, rows, saved, meta)


def _meta(path: Path) -> dict[str, Any]:
    try:
        return parameters(path.name, read_regular(path, most=_LONGEST)) or {}
    except OSError:
        return {}


def _foreign(
    run: Mapping[str, Any],
    tags: Mapping[Any, Any],
    settings: Mapping[str, Any],
    rows: Callable[[Reader], Iterator[Block]],
    artifacts: tuple[str, ...],
    path: Path,
) -> Foreign:
    said = str(run.get("status") or "")
    own = {name: value for name, value in tags.items() if not str(name).startswith("mlflow.")}
    return Foreign(
        "MLflow",
        str(run["run_uuid"]),
        text(run.get("experiment"), 200) or "mlflow",
        rows,
        id=text(run["run_uuid"], 200),
        name=text(run.get("name") or tags.get("mlflow.runName"), 200),
        status=_STATUSES.get(said, "crashed"),
        said=text(said, 200),
        started=seconds(run.get("start_time")),
        finished=seconds(run.get("end_time")),
        last_sign=path.stat().st_mtime,
        user=text(run.get("user_id") or tags.get("mlflow.user"), 200),
        commit=text(tags.get("mlflow.source.git.commit"), 64),
        note=text(tags.get("mlflow.note.content")),
        settings=settings,
        tags=texts(own),
        artifacts=artifacts,
        deleted=run.get("lifecycle_stage") == "deleted",
    )
