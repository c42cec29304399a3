"""`gitexp retract`: a run that is to count no more."""

from __future__ import annotations

import shlex

import click

from gitexp.cli.opened import opened_here
from gitexp.cli.table import completing, why_option
from gitexp.errors import GitexpError, UsageError
from gitexp.history.said import NOTHING_SAID, said_of
from gitexp.record.event import Payload


@click.command("retract")
@click.argument("run", shell_complete=completing("run"))
@why_option("The reason, which is shown wherever the run is.")
@click.option("--undo", is_flag=True, help="Let a retracted run count again.")
def command(run: str, why: str, undo: bool) -> int:
    """Say that RUN does not count: its data leaked, its code had a bug.

    It is no longer the best of anything, nor in groups, tables and reports, unless it is named or --retracted asks for
    it; then it is struck out, with the reason. Nothing is erased: the run and its numbers stay in the history, and
    everybody who has them keeps them. `gitexp push` shares the retraction.

    \b
    gitexp retract best:val.acc --why "the test images were in the training set"
    """
    from gitexp.stages.say import say

    if not undo and not why.strip():
        raise UsageError("A retraction has a reason", fix=f'gitexp retract {shlex.quote(run)} --why "…"')
    with opened_here() as here:
        runs, row = here.history.runs, here.history.select(run)
        standing = said_of(runs, [row.id]).get(row.id, NOTHING_SAID).retracted
        if undo and standing is None:
            raise GitexpError(f"Run {row.id} is not retracted", fix=f"gitexp show {row.id}")
        if not undo and standing is not None:
            what = f"Run {row.id} is retracted already, by {standing.author}: {standing.text}"
            raise GitexpError(what, fix=f'gitexp note {row.id} -m "…"    adds to it')
        commit = say(here.clone, runs, row, kind="reinstate" if undo else "retract", payload=Payload(why))
    words = f"{row.id} counts again" if undo else f"retracted {row.id}; nothing was erased"
    click.echo(f"{words} (commit {commit[:10]})", err=True)
    return 0
