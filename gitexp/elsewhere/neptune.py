"""Runs of Neptune's exporter: files RUN_part_N.parquet, a row for each value of an attribute, read by pyarrow.

Neptune knows attributes alone. Series of numbers are metrics; of single values, floats that are not called like
settings, as in a table; the rest are settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from gitexp.capture.steps import passed
from gitexp.elsewhere.foreign import Foreign, NoStore, text, texts
from gitexp.elsewhere.sheets import like_a_setting
from gitexp.record.metricnames import holds_settings
from gitexp.record.metricreader import Reader
from gitexp.record.metrics import Number, Row
from gitexp.record.rowblocks import Block, blocks

PART = re.compile(r"(.+)_part_(\d+)\.parquet")
_VALUE = {"int": "int_value", "float": "float_value", "string": "string_value", "bool": "bool_value"}
_VALUE |= {"datetime": "datetime_value", "string_set": "string_set_value"}
_OF_RUN = ("project_id", "run_id", "attribute_path", "attribute_type", "timestamp")
_SERIES = ("attribute_path", "attribute_type", "step", "timestamp", "float_value")
_FILES = ("file", "file_series", "file_set", "artifact")
_OF_MODELS = frozenset({"models", "model_versions"})
_MOST_ROWS = 1 << 14
_MOST_ARTIFACTS = 100


class _Said(NamedTuple):
    """What the files of a run say of it."""

    project: str
    run: str
    values: dict[str, Any]  # single ones, by attribute
    floats: frozenset[str]  # those that are numbers with a point
    last: datetime | None  # of a series
    files: tuple[str, ...]


def of_files(path: Path) -> Iterator[Foreign]:
    """The runs of an export, or of one file of it; a run may have several files. Raises NoStore."""
    files = [path] if path.is_file() else sorted(path.rglob("*_part_*.parquet"))
    runs: dict[tuple[Path, str], dict[int, Path]] = {}
    for one in files:
        match = PART.fullmatch(one.name)
        if match and (one.parent == path or one.parent.name not in _OF_MODELS):
            runs.setdefault((one.parent, match[1]), {})[int(match[2])] = one
    found = [_foreign([parts[number] for number in sorted(parts)], [*parts]) for parts in runs.values()]
    yield from sorted(found, key=lambda one: one.started or 0.0)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError as error:
        raise NoStore(
            f"{path.name} is Parquet, which is read by pyarrow, which is not installed", fix="pip install pyarrow"
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            missing = {*_OF_RUN, *_SERIES, *_VALUE.values()} - {*file.schema_arrow.names}
            if missing:
                raise NoStore(f"{path} is not as Neptune's exporter writes it: it has no column {min(missing)}")
            yield file
    except (import_module("pyarrow").ArrowException, OSError) as error:
        raise NoStore(f"{path} cannot be read as Parquet: {' '.join(str(error).split())[:200]}") from error


def _columns(path: Path, names: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    with _opened(path) as file:
        for batch in file.iter_batches(batch_size=_MOST_ROWS, columns=[*names]):
            yield from zip(
                *(batch.column(batch.schema.get_field_index(name)).to_pylist() for name in names), strict=True
            )


def _said(parts: list[Path]) -> _Said:
    names = (*_OF_RUN, *_VALUE.values())
    project = run = ""
    values: dict[str, Any] = {}
    floats, files, last = set[str](), dict[str, None](), None
    for row in chain.from_iterable(_columns(one, names) for one in parts):
        known = dict(zip(names, row, strict=True))
        project, run = str(known["project_id"] or project), str(known["run_id"] or run)
        name, kind = str(known["attribute_path"]), known["attribute_type"]
        if kind in _VALUE and (value := known[_VALUE[kind]]) is not None:
            values[name] = value
            floats |= {name} if kind == "float" else set()
        elif kind == "float_series" and known["timestamp"] is not None:
            last = max(last or known["timestamp"], known["timestamp"])
        elif kind in _FILES:
            files[name] = None
    return _Said(project, run, values, frozenset(floats), last, tuple(files)[:_MOST_ARTIFACTS])


def _foreign(parts: list[Path], numbers: list[int]) -> Foreign:
    said = _said(parts)
    own = {name.removeprefix("sys/"): value for name, value in said.values.items() if name.startswith("sys/")}
    rest = {name: value for name, value in said.values.items() if not name.startswith("sys/")}
    metrics = {name: value for name, value in rest.items() if name in said.floats and not _is_setting(name)}
    began, ran_s = _epoch(own.get("creation_time")), own.get("running_time")
    ended = _epoch(said.last)
    if ended is None and began is not None and isinstance(ran_s, int | float):
        ended = began + ran_s
    tags = [str(tag) for name in ("tags", "group_tags") for tag in own.get(name) or () if isinstance(own[name], list)]
    more = {"tags": ", ".join(tags), "parent": own.get("forking/parent"), "fork_step": own.get("forking/step")}
    active = str(own.get("state", "")).lower() in ("active", "running")
    return Foreign(
        "Neptune",
        f"{said.project}\0{said.run}",
        text(said.project.rpartition("/")[2], 200) or "neptune",
        partial(_rows, parts, [n for n in range(max(numbers)) if n not in numbers], metrics, began),
        id=text(own.get("custom_run_id") or said.run, 200),
        name=text(own.get("name"), 200),
        status="failed" if own.get("failed") is True else "crashed" if active else "completed",
        said=text(own.get("state"), 200),
        started=began,
        finished=None if active else ended,
        last_sign=ended or parts[0].stat().st_mtime,
        user=text(own.get("owner"), 200),
        host=text(own.get("hostname"), 200),
        note=text(own.get("description")),
        settings={name: _setting(value) for name, value in rest.items() if name not in metrics},
        tags=texts(more),
        artifacts=said.files,
        deleted=own.get("trashed") is True or own.get("archived") is True,
    )


def _is_setting(name: str) -> bool:
    return holds_settings(name.partition("/")[0]) or like_a_setting(name)


def _setting(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _epoch(moment: Any) -> float | None:
    return moment.timestamp() if isinstance(moment, datetime) else None


def _rows(
    parts: list[Path], missing: list[int], metrics: dict[str, float], began: float | None, reader: Reader
) -> Iterator[Block]:
    if missing:
        reader.problem(f"part {missing[0]} of the export is not there")
    steps: dict[int, tuple[float | None, dict[str, Number]]] = {}
    last: dict[str, Number] = {}
    for path, kind, step, moment, value in chain.from_iterable(_columns(one, _SERIES) for one in parts):
        if kind != "float_series" or value is None or path.startswith("monitoring/"):
            continue
        at, name = None if step is None else reader.step(float(step), ""), reader.name(path)
        if not name:
            continue
        if at is None:
            last[name] = value
            continue
        steps.setdefault(at, (passed(began, _epoch(moment)), {}))[1][name] = value
    yield from blocks(Row(step, time_s, values) for step, (time_s, values) in sorted(steps.items()))
    last |= {reader.name(name): value for name, value in metrics.items()}
    last.pop("", None)
    yield from blocks([Row(None, None, last)])
