"""The runs of trackio's projects: a SQLite file for each, values in it as JSON."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from gitexp.capture.mlflow import opened
from gitexp.capture.steps import passed
from gitexp.elsewhere.foreign import Foreign, NoStore, seconds, text, texts
from gitexp.record.metricreader import DEEPEST, Reader
from gitexp.record.rowblocks import Block, blocks
from gitexp.script import flattened

_ERRORS = (sqlite3.Error, OSError, ValueError)


def of_database(path: Path) -> Iterator[Foreign]:
    """The runs of a project, whose name is the file's. Older files know runs by their names alone. Raises NoStore."""
    try:
        with closing(opened(path)) as database:
            columns = {row[1] for row in database.execute("PRAGMA table_info(metrics)")}
            own = "run_id" if "run_id" in columns else "run_name"
            asked = (
                f"SELECT {own}, run_name, min(timestamp), max(timestamp) FROM metrics GROUP BY {own} ORDER BY min(id)"
            )
            runs = database.execute(asked).fetchall()
            configs = dict(database.execute(f"SELECT {own}, config FROM configs").fetchall())
    except _ERRORS as error:
        raise NoStore(f"{path} cannot be read as trackio's: {error}") from error
    for run_id, name, first, last in runs:
        config = _json(configs.get(run_id))
        began = seconds(config.get("_Created")) or seconds(first)
        key = f"{path.stem}\0{run_id}\0{config.get('_Created') or first}"
        known = {name: value for name, value in config.items() if not name.startswith("_")}
        yield Foreign(
            "trackio",
            key,
            text(path.stem, 200) or "trackio",
            partial(_rows, path, own, run_id, began),
            id=text(run_id, 200),
            name=text(name, 200),
            started=began,
            finished=seconds(last),
            last_sign=path.stat().st_mtime,
            user=text(config.get("_Username"), 200),
            settings=dict(flattened(known, deepest=DEEPEST)),
            tags=texts({"group": config.get("_Group")}),
        )


def _rows(path: Path, own: str, run_id: object, began: float | None, reader: Reader) -> Iterator[Block]:
    def rows(database: sqlite3.Connection) -> Iterator[Any]:
        asked = f"SELECT step, timestamp, metrics FROM metrics WHERE {own} = ? ORDER BY id"
        for step, then, values in database.execute(asked, (run_id,)):
            table = {name: value for name, value in _json(values).items() if name not in ("step", "time_s")}
            yield from reader.row({**table, "step": step, "time_s": passed(began, seconds(then))}, "")

    try:
        with closing(opened(path)) as database:
            yield from blocks(rows(database))
    except _ERRORS as error:
        reader.problem(f"cannot be read as trackio's: {error}")


def _json(data: object) -> dict[str, Any]:
    try:
        table = json.loads(data) if isinstance(data, str | bytes) else {}
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}
