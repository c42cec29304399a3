"""`gitexp status`: what is running, what waits to be recorded, what is not shared yet."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import click

from gitexp.cli.opened import Opened, opened_here, settle_what_waits, warn
from gitexp.cli.page import write, write_json
from gitexp.cli.render import Cell, Column, Screen, ago, duration, safe, screen, stamp, table
from gitexp.cli.running import STATE_STYLE, folder_of, latest_of, running_shape
from gitexp.errors import GitexpError
from gitexp.git.repo import BranchUnusable, GitFailed
from gitexp.git.standing import Look
from gitexp.history.listing import New, count_new
from gitexp.history.select import SHOWN
from gitexp.stages.inprogress import InProgress, runs_in_progress


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--record", "gone", metavar="ID", help="Record a silent run: its machine is gone, and you know it.")
def command(as_json: bool, gone: str | None) -> int:
    """Say what is running, what is waiting to be recorded, and how many runs were not shared yet.

    A run of another machine that shows no sign of life for a day is recorded as crashed; --record does it at once.
    """
    with opened_here(first=partial(settle_what_waits, gone=gone)) as here:
        runs = runs_in_progress(str(here.repo.common_dir))
        if gone is not None and gone in {run.id for run in runs if run.state in ("running", "unattended")}:
            raise GitexpError(f"Run {gone} is running", why="Its machine shows signs of life.", fix="gitexp status")
        try:
            sharing = _sharing(here)
        except (GitFailed, BranchUnusable) as error:  # it is damaged, or no branch of gitexp's
            warn(error)
            sharing = None
        on = screen(here.repo.settings)
    if as_json:
        write_json(runs=[running_shape(run, folder_of(run.id, repo=here.repo)) for run in runs], sharing=sharing)
        return 0
    write(_table(runs, on=on, now=time.time()) if runs else "nothing is running\n")
    for run in runs:
        if run.state == "silent" and run.last_sign is not None:
            since, host = duration(time.time() - run.last_sign), safe(run.host or "another machine")
            write(f"\n{run.id[:SHOWN]}: no sign of life from {host} for {since}; it may be suspended. If it is gone:\n")
            write(f"    gitexp status --record {run.id}\n")
    if any(run.state not in ("running", "silent") for run in runs):
        write("\nThe next gitexp command records what is waiting or crashed.\n")
    if sharing is not None:
        write(_sharing_line(sharing))
    return 0


def _table(runs: list[InProgress], *, on: Screen, now: float) -> str:
    columns = [Column("run"), Column("state"), Column("since"), Column("took", right=True), Column("recipe", least=10)]
    columns.append(Column("latest", least=20))
    lines = []
    for run in runs:
        since = "-" if run.started is None else stamp(run.started) if on.width is None else ago(run.started, now=now)
        until = now if run.state == "running" else run.last_sign
        took = duration(until - run.started) if run.started is not None and until is not None else "-"
        lines.append(
            [
                Cell(run.id[:SHOWN], "yellow"),
                Cell(run.state, STATE_STYLE[run.state]),
                Cell(since, "dim"),
                Cell(took),
                Cell(safe(run.recipe), "bold"),
                Cell(" · ".join(latest_of(run)) or safe(shlex.join(run.argv))),
            ]
        )
    return table(columns, lines, on=on)


def _sharing(here: Opened) -> dict[str, Any]:
    """Which remote the runs are compared with, and how many either side has alone. None: never fetched or pushed."""
    tips = here.history.tips
    local = tips.get("")
    remote = here.history.remote
    theirs = tips.get(remote) if remote else None
    if local and not here.history.runs.count():
        Look(here.repo, local.ref).tip()  # it may be no branch of gitexp's
    here.history.runs.say_what_is_lost()
    unpushed = unpulled = None
    if local and theirs:
        unpushed = count_new(here.repo, include=local.commit, exclude=theirs.commit)
        unpulled = count_new(here.repo, include=theirs.commit, exclude=local.commit)
    elif local:
        runs = here.history.runs
        [(events,)] = runs.ask("SELECT count(*) FROM events WHERE kind != 'merge'")
        unpushed = New(runs.count(), events)
    sharing: dict[str, Any] = {"branch": here.history.branch, "remote": remote}
    for name, new in (("unpushed", unpushed), ("unpulled", unpulled)):
        sharing |= {name: new and new.runs, f"{name}_events": new and new.events}
    return sharing


def _sharing_line(sharing: Mapping[str, Any]) -> str:
    branch, remote = safe(sharing["branch"]), sharing["remote"]
    unpushed, unpulled = (
        None if sharing[name] is None else New(sharing[name], sharing[f"{name}_events"])
        for name in ("unpushed", "unpulled")
    )
    if unpushed is None:
        return f"There is no branch {branch} here; `gitexp init` starts it or takes up a remote's.\n"
    if remote is None:
        return f"{unpushed.words} on {branch}; there is no remote to share them with.\n"
    words = []
    if any(unpushed):
        words.append(f"{unpushed.words} not on {safe(remote)} yet: gitexp push")
    if unpulled is None:
        words.append(f"The runs of {safe(remote)}, if it has any, are not fetched yet: gitexp pull")
    elif any(unpulled):
        words.append(f"{unpulled.words} of {safe(remote)} not here yet: gitexp pull")
    return "".join(f"{line}\n" for line in words) or f"{branch} is the same here and on {safe(remote)}, as last seen.\n"
