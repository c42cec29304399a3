"""Read the folders of runs in progress: what is running, what waits to be recorded. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp import runfolder
from gitexp.attempt import read_submission
from gitexp.record.identity import RunId
from gitexp.record.metricreader import Reader
from gitexp.regularfile import open_regular, read_regular
from gitexp.worker.life import program_lives, recorder_life, worker_life

if TYPE_CHECKING:
    from gitexp.record.usage import Used

END_BYTES = 1 << 16  # of a metrics file: its last lines are enough


class InProgress(NamedTuple):
    """A run that is not a commit yet.

    `state` is `running`, `waiting` (it has ended), `unattended` (its worker was killed, the program goes on), `silent`
    (another machine's, that has shown no sign of life for a while) or `crashed` (nobody saw its end). The next gitexp
    command records those that have ended.
    """

    id: str
    state: str
    recipe: str
    message: str | None
    user: str | None
    host: str | None
    argv: tuple[str, ...]
    started: float | None  # seconds since 1970; None: not known
    last_sign: float | None  # when the worker last showed that it lives
    step: int | None
    series: Mapping[str, Sequence[float | int]]  # the newest values of each metric, oldest first

    @property
    def metrics(self) -> Mapping[str, float | int]:
        """The newest value of each."""
        return {name: values[-1] for name, values in self.series.items()}


def runs_in_progress(common_dir: str) -> list[InProgress]:
    """Every run that has a folder, oldest first. Folders that were never submitted are not runs."""
    try:
        folders = sorted(Path(runfolder.runs_folder(common_dir)).iterdir())
    except FileNotFoundError:
        return []
    found = [look_at(folder) for folder in folders if _is_id(folder.name)]
    return sorted((run for run in found if run is not None), key=lambda run: (run.started or 0.0, run.id))


def _is_id(name: str) -> bool:
    try:
        return bool(RunId(name))
    except ValueError:
        return False


def look_at(folder: Path) -> InProgress | None:
    """The run of a folder. None: there is none, or none any more."""
    try:
        submission = read_submission(folder)
    except ValueError:
        return None  # the recorder says so
    if submission is None:
        return None
    state = _state(folder)
    if state == "crashed" and not (folder / runfolder.STARTED).exists():
        return None  # whoever submitted it was killed before there was a program: there is no run
    started = (_json(folder, runfolder.STARTED) or {}).get("started", submission.submitted or None)
    step, series = _recent(folder)
    return InProgress(
        id=folder.name,
        state=state,
        recipe=submission.recipe,
        message=submission.message,
        user=submission.user,
        host=submission.host,
        argv=submission.argv,
        started=started if isinstance(started, int | float) else None,
        last_sign=_modified(folder / runfolder.WORKER_LOCK),
        step=step,
        series=series,
    )


def used_so_far(folder: Path) -> Used | None:
    """What its processes use of the machine. None: not known, or not yet."""
    try:
        written = read_regular(folder / runfolder.USAGE, most=END_BYTES)
    except OSError:
        return None
    from gitexp.record.usage import load_usage, summed_up

    return summed_up(load_usage(written))


def _state(folder: Path) -> str:
    if _has_ended(folder):
        return "waiting"
    # Between submitting and the worker's lock only the submitting side shows life.
    life = worker_life(str(folder)) or recorder_life(str(folder))
    if life is None:
        return "waiting" if _has_ended(folder) else "crashed"
    if life.is_silent:
        return "silent"
    held = any(runfolder.is_held(str(folder), name) for name in (runfolder.WORKER_LOCK, runfolder.RECORD_LOCK))
    alone = program_lives(_json(folder, runfolder.STARTED) or {}, folder.name) and not held
    return "unattended" if alone else "running"


def _has_ended(folder: Path) -> bool:
    return (folder / runfolder.OUTCOME).exists() or runfolder.is_elsewhere(folder.name, runfolder.OUTCOME)


def _json(folder: Path, name: str) -> dict[str, Any] | None:
    try:
        return runfolder.read_json(str(folder), name)
    except runfolder.Torn:
        return None  # the recorder says so


def _recent(folder: Path) -> tuple[int | None, dict[str, list[float | int]]]:
    """Its newest step, and the newest values of each metric, oldest first."""
    step: int | None = None
    series: dict[str, list[float | int]] = {}
    for name in reversed(runfolder.LOGGED):
        for block in Reader(name, strict=True).lines(BytesIO(_end(folder / name))):
            for row in block.rows():
                step = row.step if row.step is not None else step
                for metric, value in row.values.items():
                    series.setdefault(metric, []).append(value)
    return step, series


def _end(path: Path) -> bytes:
    try:
        fd, found = open_regular(path)
        with open(fd, "rb") as file:
            start = max(0, found.st_size - END_BYTES)
            file.seek(start)
            content = file.read(END_BYTES)
    except OSError:
        return b""
    return content.partition(b"\n")[2] if start else content


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
