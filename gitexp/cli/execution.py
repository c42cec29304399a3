"""A checked run on this terminal: executed, its end told in a line, recorded, and turned into an exit code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gitexp.attempt import Checked
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.pipelines.run import Done
    from gitexp.stages.execute import Screen
    from gitexp.stages.submit import Submitted

EXIT_DEFECTS, EXIT_NOT_REPRODUCED, EXIT_PROGRAM_FAILED = 1, 1, 4


def carry_out(checked: Checked, message: str | None, *, as_json: bool) -> int:
    """Execute and record; the exit code. With JSON on stdout, the program's own stdout goes to stderr."""
    done = executed(checked, message, stdout_fd=2 if as_json else 1)
    if as_json:
        print_run(done.recorded.commit)
    return _exit_code(done)


def executed(checked: Checked, message: str | None, *, stdout_fd: int) -> Done:
    """Execute and record, and tell the end. `stdout_fd`: where the program's stdout goes."""
    from gitexp.cli.streams import streams_for, terminal_of
    from gitexp.pipelines.run import run

    for said in checked.said:
        from gitexp.cli.render import safe  # a warning may quote the data

        with _said_if_possible():
            click.echo(safe(said), err=True)
    streams = streams_for(stdout_fd=stdout_fd)
    terminal = terminal_of(stdin=streams.stdin, stdout=streams.stdout, stdout_fd=stdout_fd)

    def screen(submitted: Submitted) -> Screen:
        from gitexp.cli.live import LiveScreen, PlainScreen

        if streams.stdout == "terminal":
            return LiveScreen(folder=str(submitted.folder), name=checked.recipe.name, stdout_fd=stdout_fd)
        return PlainScreen(stdout_fd=stdout_fd, stderr_fd=2)

    done = run(checked, message=message, streams=streams, terminal=terminal, screen=screen, watch=watch)
    from gitexp.cli.runend import tell

    with _said_if_possible():
        tell(done)
    return done


def watch(what: str) -> ProgressBar:
    """A bar for long work on data."""
    from gitexp.cli.progressbar import ProgressBar

    return ProgressBar(what)


@contextmanager
def _said_if_possible() -> Iterator[None]:
    """Where nobody takes our words, the run counts all the same, and so does its exit code."""
    try:
        yield
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # or what could not be said would be tried again at exit


def print_run(text: str) -> None:
    """The run that this means, as JSON."""
    from gitexp.cli.opened import opened_here
    from gitexp.cli.page import write_json
    from gitexp.cli.shapes import whole_run_shape
    from gitexp.history.read import read_run

    with opened_here() as here:
        row = here.history.select(text)
        write_json(run=whole_run_shape(read_run(here.reader, row.commit), row))


def _exit_code(done: Done) -> int:
    run, verdict = done.recorded.record, done.recorded.verdict
    if verdict and not run.mixture and run.status != "interrupted":  # a failure may be what was to be reproduced
        return 0 if verdict.passes else EXIT_NOT_REPRODUCED
    if run.status == "completed":
        return EXIT_DEFECTS if run.defects else 0
    if run.status == "interrupted":
        return 130 if run.stopped_by == "SIGINT" else 143
    return EXIT_PROGRAM_FAILED
