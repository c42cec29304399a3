"""Read what a page says of each run beyond its row: digests, curves, goals, use of resources. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from gitexp.curves.growing import Growing
from gitexp.curves.recorded import read_histories
from gitexp.curves.series import RunHistory
from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.history.read import Run, read_run
from gitexp.history.row import Row, dump_values
from gitexp.record.usage import Used

_PARTS = ("run.toml", "environment.toml", "usage.csv")


class Reported(NamedTuple):
    """One run, as far as a page tells of it."""

    row: Row
    digests: Mapping[str, str | None] = {}  # of code, data, environment, weights; None: not recorded
    history: RunHistory | None = None
    used: Used | None = None

    @property
    def alike(self) -> str:
        """The same for replicates; its own where that is not known."""
        return self.row.alike or self.row.commit or self.row.id


class Material:
    """Reads runs, each once however often it is asked for: a page that is written again reads what is new."""

    def __init__(self) -> None:
        self._known: dict[str, Reported] = {}
        self._growing: dict[str, Growing] = {}

    def of(self, reader: ObjectReader, rows: Sequence[Row]) -> list[Reported]:
        """The recorded runs, in the order given."""
        new = [row for row in rows if row.commit not in self._known]
        whole = [row.commit for row in new if row.problem is None]
        read = dict(zip(whole, read_histories(reader, whole), strict=True))
        for row in new:
            self._known[row.commit] = _read(reader, row, read.get(row.commit))
        return [self._known[row.commit] for row in rows]

    def in_progress(self, common_dir: str) -> list[Reported]:
        """Runs that are no commit yet, as their folders have them, the newest first."""
        from gitexp.runfolder import runs_folder
        from gitexp.stages.inprogress import runs_in_progress, used_so_far

        found = []
        for run in reversed(runs_in_progress(common_dir)):
            folder = Path(runs_folder(common_dir), run.id)
            when = run.last_sign or run.started or 0.0
            took = None if run.started is None else max(0.0, when - run.started)
            row = Row(
                run.id, "", 1, when, when, run.user or "", run.state, run.recipe, duration_s=took,
                message=run.message, metrics_text=dump_values(run.metrics),
            )  # fmt: skip
            history = self._growing.setdefault(run.id, Growing(folder)).read()
            found.append(Reported(row, history=history, used=used_so_far(folder)))
        return found


def _read(reader: ObjectReader, row: Row, history: RunHistory | None) -> Reported:
    if row.problem is not None:
        return Reported(row)
    try:
        run = read_run(reader, row.commit, parts=_PARTS)
    except GitexpError as error:
        return Reported(row._replace(problem=error.what))
    return Reported(row, _digests(run, row), history, run.used)


def _digests(run: Run, row: Row) -> dict[str, str | None]:
    lines = run.environment_lines
    found: dict[str, str | None] = {"code": row.code and row.code[:12]}
    if run.record is not None and run.record.code.commit:
        found["code's commit"] = str(run.record.code.commit)[:17]
    found |= {f"data {name}": digest for name, digest in row.data.items()}
    found["held-out rows"] = row.held_out or None
    found["environment"] = sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()[:12] if lines else None
    found |= dict(run.record.digests) if run.record else {}
    return found


def goals_of(reader: ObjectReader, rows: Sequence[Row], general: Mapping[str, str]) -> dict[str, str]:
    """The goals that hold for all rows, which come newest first: each recipe's newest run says what is meant.

    A metric about which recipes contradict each other has none.
    """
    newest: dict[str, Row] = {}
    for row in rows:
        if row.problem is None:
            newest.setdefault(row.recipe, row)
    found: dict[str, str] = {}
    contradicted = set()
    for row in newest.values():
        for name, goal in read_run(reader, row.commit, parts=("recipe.toml",)).goals.items():
            if found.setdefault(name, goal) != goal:
                contradicted.add(name)
    return {name: goal for name, goal in {**found, **general, **found}.items() if name not in contradicted}
