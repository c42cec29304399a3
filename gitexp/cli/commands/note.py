"""`gitexp note`: what was learnt from a run."""

from __future__ import annotations

import shlex

import click

from gitexp.cli.opened import opened_here
from gitexp.cli.table import completing, paragraphs
from gitexp.errors import UsageError
from gitexp.record.event import OUTCOMES, Payload


@click.command("note")
@click.argument("run", shell_complete=completing("run"))
@click.option(
    "-m",
    "--message",
    "text",
    metavar="TEXT",
    required=True,
    multiple=True,
    callback=paragraphs,
    help="What there is to say.",
)
@click.option("--outcome", type=click.Choice(OUTCOMES), help="What became of what was tried.")
def command(run: str, text: str, outcome: str | None) -> int:
    """Say something about RUN, to be read by all who have it.

    A note is a commit of the experiments branch, with your name and the time; `gitexp push` shares it. `gitexp show`
    has a run's notes, `gitexp log` the first words of the newest, and `gitexp log --notes` all of them.
    Until it is shared, `gitexp drop COMMIT` takes it back.

    \b
    gitexp note latest -m "the schedule was off by one epoch" --outcome rejected
    """
    from gitexp.stages.say import say

    if not text.strip():
        raise UsageError("A note has words", fix=f'gitexp note {shlex.quote(run)} -m "…"')
    with opened_here() as here:
        row = here.history.select(run)
        commit = say(here.clone, here.history.runs, row, kind="note", payload=Payload(text, outcome=outcome or ""))
    click.echo(f"noted of {row.id} (commit {commit[:10]})", err=True)
    return 0
