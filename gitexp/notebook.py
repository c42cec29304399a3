"""Runs and their histories as plain rows, for Python and notebooks: `gitexp.runs()`, `gitexp.history(run)`.

Prints nothing, records nothing, and needs neither pandas nor polars, which turn the rows into their tables where asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import gitexp
from gitexp import runfolder
from gitexp.clone import Clone, open_clone
from gitexp.curves.growing import Growing
from gitexp.curves.recorded import read_whole
from gitexp.curves.series import RunHistory, Series
from gitexp.git.objectreader import ObjectReader
from gitexp.history.choosing import choose
from gitexp.history.read import read_run
from gitexp.history.row import Row
from gitexp.history.said import NOTHING_SAID, Said, said_of
from gitexp.history.select import SHORTEST, History, UnknownRun

_SHOWN_ROWS, _SHOWN_COLUMNS, _SHOWN_LETTERS = 20, 24, 60
_PLAIN = (int, float, str, bool, datetime)


class Table(list[dict[str, Any]]):
    """Rows, each a dictionary of its own. What a row lacks is None in a column."""

    def columns(self) -> dict[str, list[Any]]:
        """By name; tables within a row by dotted names, such as `metrics.val.acc`."""
        rows = [dict(_flat(row)) for row in self]
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}

    def to_pandas(self) -> Any:
        """A pandas.DataFrame. As pandas has it, None among numbers is NaN, and integers beside it become floats."""
        import pandas  # type: ignore[import-untyped]

        return pandas.DataFrame(self.columns())

    def to_polars(self) -> Any:
        """A polars.DataFrame. A column of several kinds, but of numbers, is text."""
        import polars

        return polars.DataFrame({name: _of_one_kind(column) for name, column in self.columns().items()})

    def _repr_html_(self) -> str:
        columns = dict(list(self.columns().items())[:_SHOWN_COLUMNS])
        head = "".join(f"<th>{_cell(name)}</th>" for name in columns)
        rows = list(zip(*columns.values(), strict=True))[:_SHOWN_ROWS]
        body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{escape(self._said())}</p>"

    def _said(self) -> str:
        return f"{len(self)} rows"


class RunTable(Table):
    """Runs, the newest first. `metrics` has the summary values, `settings` what the run was told, by dotted key."""

    def _said(self) -> str:
        return f"{len(self)} runs"


class HistoryTable(Table):
    """What a run logged: `step`, `time_s` (s since its start) and the metrics of each row."""

    def __init__(self, found: RunHistory) -> None:
        super().__init__(_rows(found))
        self.logged = found.logged
        self.is_sample = found.is_sample
        self.problem = found.problem  # what is wrong with the file, or ""
        self._found = found

    def series(self, metric: str) -> Series:
        """One metric: steps, times, epochs and values; of several attempts, each step as the last one logged it."""
        return self._found.series(metric)

    def _said(self) -> str:
        sample = f"a sample: {len(self)} of {self.logged} rows" if self.is_sample else f"{len(self)} rows"
        return f"{sample}; {self.problem}" if self.problem else sample


def runs(
    *words: str, where: str = "", path: str | PathLike[str] | None = None, smoke: bool = False, retracted: bool = False
) -> RunTable:
    """The recorded runs of the repository around `path` (None: the working folder), chosen as `gitexp log` does.

    Raises gitexp.errors.GitexpError.
    """
    with _opened(path) as (_, here):
        rows = choose(here, words, where=where, smoke=smoke, retracted=retracted)
        said = said_of(here.seen, [row.id for row in rows])
        return RunTable(_plain(row, said.get(row.id, NOTHING_SAID)) for row in rows)


def history(run: str | Mapping[str, Any], *, path: str | PathLike[str] | None = None) -> HistoryTable:
    """What a run logged: a RUN as on the command line, a row of `runs()`, or the id of a run in progress.

    Whole where it is in git or the object store here has it; else a sample, which `is_sample` says. Raises
    gitexp.errors.GitexpError.
    """
    word = run if isinstance(run, str) else run["commit"]
    with _opened(path) as (clone, here):
        try:
            found = read_run(here.reader, here.select(word).commit)
        except UnknownRun:
            folder = _in_progress(here, word)
            if folder is None:
                raise
            return HistoryTable(Growing(folder).read())
        return HistoryTable(read_whole(here.reader, found, clone.place.store))


@contextmanager
def _opened(path: str | PathLike[str] | None) -> Iterator[tuple[Clone, History]]:
    clone = open_clone(Path(path or "").absolute())
    with ObjectReader(clone.repo) as reader:
        yield clone, History(clone, reader=reader)


def _in_progress(here: History, word: str) -> Path | None:
    parent = Path(runfolder.runs_folder(str(here.repo.common_dir)))
    found = [one for one in parent.glob("*") if one.name.startswith(word)] if len(word) >= SHORTEST else []
    return found[0] if len(found) == 1 else None


def _plain(row: Row, said: Said) -> dict[str, Any]:
    return {
        "id": row.id,
        "attempt": row.attempt,
        "recipe": row.recipe,
        "status": row.status,
        "finished": datetime.fromtimestamp(row.finished, UTC),
        "author": row.author,
        "kind": row.kind,
        "duration_s": row.duration_s,
        "seed": row.seed,
        "message": row.message,
        "commit": row.commit,
        "problem": row.problem,
        "alike": row.alike,
        "hardware": row.hardware or None,
        "reproduces": row.reproduces or None,
        "verdict": row.grade or None,
        "tag": ", ".join(said.tags) or None,
        "outcome": said.outcome or None,
        "note": said.note or None,
        "retracted": said.retracted is not None,
        "metrics": dict(row.metrics),
        "settings": dict(row.settings),
    }


def _rows(found: RunHistory) -> Iterator[dict[str, Any]]:
    for at, (step, time_s) in enumerate(zip(found.steps, found.times, strict=True)):
        first: dict[str, Any] = {"step": step, "time_s": time_s}
        if found.attempts:
            first["attempt"] = found.attempts[at]
        yield first | {name: one for name, column in found.columns.items() if (one := column[at]) is not None}


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", one) for key, one in value.items())
        else:
            yield name, value


def _of_one_kind(column: list[Any]) -> list[Any]:
    kinds = {type(value) for value in column if value is not None}
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in column]
    if len(kinds) <= 1 and kinds <= set(_PLAIN):
        return column
    return [None if value is None else str(value) for value in column]


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return escape(text if len(text) <= _SHOWN_LETTERS else f"{text[: _SHOWN_LETTERS - 1]}…")


# The package `gitexp.history` has become an attribute of this name when it was imported above. Who imports from it
# goes by sys.modules, so that the name is free for what people call.
gitexp.history = history
