"""`gitexp show`: one run."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import click

from gitexp.cli.opened import Opened, opened_here
from gitexp.cli.page import show, write, write_json
from gitexp.cli.pageparts import LISTED, curve
from gitexp.cli.render import safe, screen
from gitexp.cli.table import completing
from gitexp.errors import GitexpError, UsageError
from gitexp.git.repo import Repo
from gitexp.history.read import Run, read_output, read_run
from gitexp.history.reproduced import reruns_of
from gitexp.history.said import NOTHING_SAID, measured_against, said_of
from gitexp.history.select import UnknownRun
from gitexp.record.metricnames import is_clock

if TYPE_CHECKING:
    from gitexp.stages.inprogress import InProgress


@click.command("show")
@click.argument("run", default="latest", metavar="[RUN]", shell_complete=completing("run"))
@click.option("--output", "as_output", is_flag=True, help="Print what the program printed, control characters escaped.")
@click.option("--follow", is_flag=True, help="Print what a running run prints as it comes, until it ends.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON.")
def command(run: str, as_output: bool, follow: bool, as_json: bool) -> int:
    """Show one run: how it ended, its code, settings, data, environment and metrics.

    RUN is `latest`, `latest~2`, `best:METRIC`, `best:METRIC@RECIPE` (or `worst:`), the first letters of a run's id, a
    tag, or a commit; `REMOTE/` before all but a commit means a remote's runs, as last fetched.

    A run that is still running is shown as far as it is. --follow without RUN takes the one that was started last;
    it exits with 0 however the run ends, and Ctrl-C leaves the run alone.
    """
    if follow and (as_json or as_output):
        raise UsageError("--follow goes with neither --json nor --output", fix="gitexp show RUN --follow")
    with opened_here() as here:
        running = running_here(here.repo, run) if follow else None
        if running is not None:
            from gitexp.cli.following import follow as follow_to_its_end

            return follow_to_its_end(here.repo, running.id)
        as_output |= follow  # it has ended
        try:
            row = here.history.select(run)
        except UnknownRun as error:
            if not error.typed or not _show_running(here, error.typed, as_json=as_json, as_output=as_output):
                raise
            return 0
        found = read_run(here.reader, row.commit)
        if as_output:
            text = read_output(here.reader, found)
            if text is None and "output.log" in found.tree:
                raise GitexpError(f"The output of {row.id} is too large, or damaged here", fix="gitexp pull")
            if text is None:
                raise GitexpError(f"No output is recorded for {row.id}")
            show(lambda on: safe(text, lines="kept"), repo=here.repo)
            return 0
        said = said_of(here.history.seen, [row.id]).get(row.id, NOTHING_SAID)
        reruns = reruns_of(here.history.seen, row)
        if as_json:
            from gitexp.cli.shapes import said_shape, whole_run_shape

            write_json(run={**whole_run_shape(found, row, reruns=reruns), "said": said_shape(said)})
        else:
            from gitexp.cli.runpage import run_page

            earlier, against = measured_against(here.history.seen, row)
            before = read_run(here.reader, earlier.commit) if earlier else None
            failed = found.record is None or found.record.status != "completed"
            printed = read_output(here.reader, found) if failed else None  # why it failed is what one wants to know
            page = partial(run_page, found, row, before, goals=here.config.goal, place=here.place, printed=printed)
            page = partial(page, curves=partial(_curves, here, found), said=said, reruns=reruns, against=against)
            show(lambda on: page(on=on, now=time.time()), repo=here.repo)
    return 0


def _curves(here: Opened, run: Run) -> dict[str, str]:
    """The metrics with more than two values, as curves in a line of text each."""
    if len(run.metrics) > LISTED:
        return {}
    from gitexp.curves.recorded import read_histories

    history = next(read_histories(here.reader, [run.commit], wanted=run.metrics))
    known = {name: history.series(name).values for name in run.metrics if not is_clock(name)}
    return {name: curve(values, 24) for name, values in known.items() if len(values) > 2}


def running_here(repo: Repo, typed: str) -> InProgress | None:
    """The run in progress that somebody wants to follow. None: it is none."""
    from gitexp.cli.running import running_as
    from gitexp.stages.inprogress import runs_in_progress

    if typed == "latest":
        going = [run for run in runs_in_progress(str(repo.common_dir)) if run.state in ("running", "silent")]
        return going[-1] if going else None
    return running_as(typed, repo=repo)


def _show_running(here: Opened, typed: str, *, as_json: bool, as_output: bool) -> bool:
    """Show the run in progress that has this id. False where there is none."""
    from gitexp.cli.running import folder_of, output_so_far, running_as, running_page, running_shape

    run = running_as(typed, repo=here.repo)
    if run is None:
        return False
    folder = folder_of(run.id, repo=here.repo)
    if as_json:
        write_json(in_progress=running_shape(run, folder))
    elif as_output:
        show(lambda on: safe(output_so_far(folder), lines="kept"), repo=here.repo)
    else:
        write(running_page(run, folder, on=screen(here.repo.settings), now=time.time()))
    return True
