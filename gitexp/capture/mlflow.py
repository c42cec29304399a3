"""MLflow's stores, a folder of text or a SQLite file: the runs that were begun, or went on, since a moment.

A store holds the runs of years. One that began since then is taken whole; of an older one, what was logged since then.
MLflow's step is 0 where a program gives none: a metric that never has another has none here.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gitexp.capture.source import Source
from gitexp.capture.steps import Logged, passed, rows_by_step
from gitexp.record.metricreader import Reader
from gitexp.record.metrics import Number, parse_number
from gitexp.record.rowblocks import Block, blocks
from gitexp.regularfile import open_regular, read_regular, walk

MOST_BYTES = 64 * 2**20  # of one run's metrics in a folder
MOST_RUNS = 1000
_LONGEST = 1 << 16  # of a run's own description, or of a parameter
_LINE = re.compile(r"(\d{1,18}) (\S{1,400})(?: (-?\d{1,18})(?: .*)?)?")  # and since MLflow 3, a dataset
_ERRORS = (sqlite3.Error, OSError, ValueError)  # the last where a damaged name is no text
_LARGEST = 1.7976931348623157e308  # what a database holds for infinity


def _rows(reader: Reader, logged: Iterator[Logged], began: float | None) -> Iterator[Block]:
    """`logged` has moments, in seconds since 1970."""
    named = ((step, passed(began, then), reader.name(name), value) for step, then, name, value in logged)
    yield from blocks(rows_by_step(one for one in named if one[2]))


# ---- SQLite


def of_database(path: Path, *, since: float | None) -> list[Source]:
    """A source for each run, by its id. `since`: in seconds of Unix time; None: all runs."""
    since_ms = None if since is None else int(since * 1000)
    chosen = (
        "SELECT run_uuid, start_time FROM runs WHERE ?1 IS NULL OR start_time >= ?1 OR EXISTS"
        " (SELECT 1 FROM metrics WHERE metrics.run_uuid = runs.run_uuid AND timestamp >= ?1)"
        f" ORDER BY start_time, rowid LIMIT {MOST_RUNS}"
    )
    try:
        with closing(opened(path)) as database:
            runs = database.execute(chosen, (since_ms,)).fetchall()
    except _ERRORS as error:
        return [Source("", partial(_unreadable, str(error)))]
    found = []
    for run_id, started in runs:
        whole = since_ms is None or (isinstance(started, int) and started >= since_ms)
        blocks_of = partial(of_run, path, str(run_id), None if whole else since_ms, None)
        found.append(Source(str(run_id), blocks_of, partial(params_of, path, str(run_id))))
    return found


def opened(path: Path) -> sqlite3.Connection:
    """The database, to read only: nothing is written beside it but what its writer's own journal asks for."""
    os.close(open_regular(path)[0])
    pending = any(Path(f"{path}{ending}").exists() for ending in ("-wal", "-journal"))
    how = "mode=ro" if pending else "mode=ro&immutable=1"
    database = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True)
    database.execute("PRAGMA trusted_schema=OFF")
    views = "SELECT count(*) FROM sqlite_master WHERE type != 'table' AND name IN ('runs', 'metrics', 'params')"
    if database.execute(views).fetchone()[0]:
        database.close()
        raise sqlite3.DatabaseError("its tables are views")
    return database


def _unreadable(why: str, reader: Reader) -> Iterator[Block]:
    reader.problem(f"cannot be read as MLflow's: {why}")
    yield from ()


def of_run(path: Path, run_id: str, since_ms: int | None, began: float | None, reader: Reader) -> Iterator[Block]:
    """The rows of one run. `began`: from when their times count; None: they have none."""
    try:
        with closing(opened(path)) as database:
            yield from _rows(reader, _logged(database, run_id, since_ms), began)
    except _ERRORS as error:
        yield from _unreadable(str(error), reader)


def _logged(database: sqlite3.Connection, run_id: str, since_ms: int | None) -> Iterator[Logged]:
    counted = "SELECT DISTINCT key FROM metrics WHERE run_uuid = ? AND step != 0"
    stepped = {name for (name,) in database.execute(counted, (run_id,))}
    rows = (
        "SELECT step, key, value, is_nan, timestamp FROM metrics"
        " WHERE run_uuid = ?1 AND (?2 IS NULL OR timestamp >= ?2) ORDER BY rowid"
    )
    for step, name, value, is_nan, logged_ms in database.execute(rows, (run_id, since_ms)):
        if isinstance(name, str) and isinstance(value, int | float):
            known = float("nan") if is_nan else float("inf") * value if abs(value) >= _LARGEST else value
            then = logged_ms / 1000 if isinstance(logged_ms, int) else None
            yield step if name in stepped and isinstance(step, int) else None, then, name, known


def params_of(path: Path, run_id: str, reader: Reader) -> dict[str, Any] | None:
    try:
        with closing(opened(path)) as database:
            asked = "SELECT key, value FROM params WHERE run_uuid = ? ORDER BY key"
            return dict(database.execute(asked, (run_id,)).fetchall()) or None
    except _ERRORS:
        return None


# ---- a folder


def of_folder(path: Path, *, since: float | None) -> list[Source]:
    """The run whose meta.yaml this is."""
    return [Source("", partial(of_files, path, since, None), partial(texts_in, path.parent / "params"))]


def of_files(path: Path, since: float | None, began: float | None, reader: Reader) -> Iterator[Block]:
    """The rows of the run whose meta.yaml this is. `began`: from when their times count; None: they have none."""
    try:
        match = re.search(rb"^start_time: (\d{1,18})\s*$", read_regular(path, most=_LONGEST), re.MULTILINE)
        whole = since is None or (match is not None and int(match[1]) >= int(since * 1000))
        since_ms = None if whole or since is None else int(since * 1000)
        yield from _rows(reader, _lines(reader, path.parent / "metrics", since_ms), began)
    except OSError as error:
        reader.problem(f"cannot be read: {error.strerror}")


def _lines(reader: Reader, folder: Path, since_ms: int | None) -> Iterator[Logged]:
    """All lines, `time value step`, in the order of time: each metric has a file of its own."""
    found: list[tuple[int, int, str, Number]] = []
    stepped: set[str] = set()
    left = MOST_BYTES
    for name, path in files_in(folder):
        data = read_regular(path, most=left + 1)
        left -= len(data)
        if left < 0:
            reader.problem(f"this run's metrics have more than {MOST_BYTES // 2**20} MiB: what follows was not read")
            break
        for number, line in enumerate(data.decode(errors="replace").splitlines(), 1):
            match = _LINE.fullmatch(line)
            value = parse_number(match[2]) if match else None
            if match is None or value is None:
                reader.problem(f"metrics/{name}: line {number} is not MLflow's")
                continue
            logged_ms, step = int(match[1]), int(match[3] or 0)
            if step:
                stepped.add(name)
            if since_ms is None or logged_ms >= since_ms:
                found.append((logged_ms, step, name, value))
    found.sort(key=lambda one: one[0])
    for logged_ms, step, name, value in found:
        yield step if name in stepped else None, logged_ms / 1000, name, value


def files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files below a folder, by their names there. Links are not followed."""
    if folder.is_symlink():
        return
    for top, folders, names in walk(folder):
        folders.sort()
        for path in (Path(top, name) for name in sorted(names)):
            if not path.is_symlink():
                yield path.relative_to(folder).as_posix(), path


def texts_in(folder: Path, reader: Reader) -> dict[str, Any] | None:
    """Parameters, or tags: a file for each."""
    try:
        return {
            name: read_regular(path, most=_LONGEST).decode(errors="replace") for name, path in files_in(folder)
        } or None
    except OSError:
        return None
