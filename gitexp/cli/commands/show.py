"""`gitexp show`: one run."""

from __future__ import annotations

import time
from functools import partial

import click

from gitexp.cli.opened import Opened, opened_here
from gitexp.cli.page import show, write, write_json
from gitexp.cli.render import safe
from gitexp.cli.table import completing
from gitexp.errors import GitexpError
from gitexp.history.read import read_output, read_run
from gitexp.history.select import UnknownRun


@click.command("show")
@click.argument("run", default="latest", metavar="[RUN]", shell_complete=completing("run"))
@click.option("--output", "as_output", is_flag=True, help="Print what the program printed, control characters escaped.")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON.")
def command(run: str, as_output: bool, as_json: bool) -> int:
    """Show one run: how it ended, its code, settings, data, environment and metrics.

    RUN is `latest`, `latest~2`, `best:METRIC`, `best:METRIC@RECIPE`, the first letters of a run's id, or a commit;
    `REMOTE/latest` is the newest run as last fetched from a remote.
    """
    with opened_here() as here:
        try:
            row = here.history.select(run)
        except UnknownRun as error:
            if not error.typed or as_output or not _show_running(here, error.typed, as_json=as_json):
                raise
            return 0
        found = read_run(here.reader, row.commit)
        if as_json:
            from gitexp.cli.shapes import whole_run_shape

            write_json(run=whole_run_shape(found, row))
        elif as_output:
            text = read_output(here.reader, found)
            if text is None and "output.log" in found.tree:
                raise GitexpError(f"The output of {row.id} is too large, or damaged here", fix="gitexp pull")
            if text is None:
                raise GitexpError(f"No output is recorded for {row.id}")
            show(lambda on: safe(text, lines="kept"), repo=here.repo)
        else:
            from gitexp.cli.runpage import run_page

            earlier = here.history.runs.previous_of(row)
            before = read_run(here.reader, earlier.commit) if earlier else None
            failed = found.record is None or found.record.status != "completed"
            printed = read_output(here.reader, found) if failed else None  # why it failed is what one wants to know
            page = partial(run_page, found, row, before, goals=here.config.goal, place=here.place, printed=printed)
            show(lambda on: page(on=on, now=time.time()), repo=here.repo)
    return 0


def _show_running(here: Opened, typed: str, *, as_json: bool) -> bool:
    """Show the run in progress that has this id. False where there is none."""
    from gitexp.cli.running import running_as, running_page, running_shape

    run = running_as(typed, repo=here.repo)
    if run is None:
        return False
    if as_json:
        write_json(in_progress=running_shape(run))
    else:
        write(running_page(run, now=time.time()))
    return True
