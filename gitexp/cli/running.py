"""Runs that are no commit yet, where somebody asks for one by its id: a page, JSON, or the error that names it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gitexp.cli.pageparts import last_lines, used_in_words
from gitexp.cli.render import Screen, ago, duration, number, safe, stamp
from gitexp.errors import counted
from gitexp.git.repo import Repo
from gitexp.history.read import settled_lines
from gitexp.history.select import NO_RUNS, SHORTEST, UnknownRun
from gitexp.record.metrics import foremost
from gitexp.runfolder import runs_folder
from gitexp.stages.inprogress import InProgress, runs_in_progress, used_so_far
from gitexp.worker.output import read_output

STATE_STYLE = {"running": "green", "silent": "yellow", "unattended": "yellow", "waiting": "yellow", "crashed": "red"}
SHOWN_METRICS = 6  # without slices; --json has all of them


def running_as(typed: str, *, repo: Repo) -> InProgress | None:
    """The run in progress here whose id begins like this; None where there is none, or more than one."""
    found = [run for run in runs_in_progress(str(repo.common_dir)) if run.id.startswith(typed)]
    return found[0] if len(found) == 1 and len(typed) >= SHORTEST else None


def not_yet(error: UnknownRun, *, repo: Repo) -> UnknownRun:
    """The error, or a better one where the run that nobody finds is in progress here."""
    run = running_as(error.typed, repo=repo)
    if run is not None:
        return UnknownRun(
            f"Run {run.id} ({run.recipe}) is {run.state} here; it can be named like this once it is recorded",
            fix=f"gitexp show {run.id}    or    gitexp status",
        )
    if error.what == NO_RUNS and (going := len(runs_in_progress(str(repo.common_dir)))):
        error.details = (f"{counted(going, 'run is', 'runs are')} in progress: gitexp status",)
    return error


def latest_of(run: InProgress) -> list[str]:
    """Its newest step and metrics, in words that are safe to print."""
    said = [f"step {run.step}"] if run.step is not None else []
    names = foremost(run.metrics, ())[:SHOWN_METRICS]
    return said + [f"{safe(name)} {number(run.metrics[name])}" for name in names]


def folder_of(run_id: str, *, repo: Repo) -> Path:
    """Where a run lies until it is recorded."""
    return Path(runs_folder(str(repo.common_dir)), run_id)


def output_so_far(folder: Path) -> str:
    """What it has printed, as a record would have it."""
    return settled_lines(read_output(str(folder)))


def running_page(run: InProgress, folder: Path, *, on: Screen, now: float) -> str:
    """What is known of a run in progress."""
    since = "unknown" if run.started is None else f"{stamp(run.started)} ({ago(run.started, now=now)})"
    took = "" if run.started is None or now < run.started else duration(now - run.started)
    rows = {
        "run": f"{run.id}  {run.state}",
        "recipe": safe(run.recipe),
        "why": safe(run.message or ""),
        "since": since,
        "elapsed": took if run.state == "running" else "",
        "on": safe(f"{run.host or 'unknown'}, by {run.user or 'unknown'}"),
        "command": safe(shlex.join(run.argv)),
        "latest": " · ".join(latest_of(run)) or "no metrics yet",
    }
    used = used_so_far(folder)
    rows |= {name: text for name, text, _ in used_in_words(used)} if used is not None else {}
    goes_on = run.state in ("running", "silent")
    end = "It becomes a commit when it has ended." if goes_on else "The next gitexp command records it."
    facts = "".join(f"{name:<8} {text}\n" for name, text in rows.items() if text)
    return facts + last_lines(output_so_far(folder), on=on) + f"{end}\n"


def running_shape(run: InProgress, folder: Path) -> Mapping[str, Any]:
    """The same for programs."""
    from gitexp.cli.shapes import moment

    times = {"started": moment(run.started), "last_sign": moment(run.last_sign)}
    facts = run._asdict()
    del facts["series"]
    return {**facts, **times, "metrics": run.metrics, "used": used_so_far(folder)}
