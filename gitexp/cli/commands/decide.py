"""`gitexp decide`: a decision, with the runs that it rests on."""

from __future__ import annotations

import click

from gitexp.cli.opened import opened_here, warn
from gitexp.cli.table import completing
from gitexp.errors import GitexpError, UsageError
from gitexp.history.row import Event
from gitexp.history.said import decisions, retractions, said_of
from gitexp.record.event import MOST_RUNS, Payload

SHORTEST = 4  # letters of a decision's commit


@click.command("decide")
@click.argument("text")
@click.option(
    "--because", "runs", multiple=True, required=True, metavar="RUN", shell_complete=completing("run"),
    help="A run that it rests on; may be repeated, or several with commas.",
)  # fmt: skip
@click.option("--instead-of", "instead", metavar="ID", help="The decision that it replaces, as `decisions` names it.")
def command(text: str, runs: tuple[str, ...], instead: str | None) -> int:
    """Note a decision and the runs that it rests on, to be read by all who have them.

    It is a commit of the experiments branch, with your name and the time; `gitexp push` shares it. `gitexp decisions`
    lists all, and says where a run that one rests on was retracted; `gitexp show` names those that a run supports.

    \b
    gitexp decide "adopt the cosine schedule" --because best:val.acc,baseline
    """
    from gitexp.stages.say import say

    if not text.strip():
        raise UsageError("A decision has words", fix='gitexp decide "…" --because RUN')
    with opened_here() as here:
        history = here.history
        words = [word for some in runs for word in some.split(",") if word]
        rests = [*dict.fromkeys(history.select(word).id for word in words)]
        if not 0 < len(rests) <= MOST_RUNS:
            raise UsageError(f"A decision rests on 1 to {MOST_RUNS} runs", fix='gitexp decide "…" --because RUN')
        for one in retractions(said_of(history.runs, rests)):
            warn(GitexpError(one))
        before = _named(decisions(history.runs), instead).commit if instead is not None else ""
        commit = say(here.clone, history.runs, None, kind="decision", payload=Payload(text, before, runs=rests))
    click.echo(f"decided (commit {commit[:10]}), because of {', '.join(rests)}", err=True)
    return 0


def _named(known: list[Event], typed: str) -> Event:
    found = [one for one in known if one.commit.startswith(typed.lower())] if len(typed) >= SHORTEST else []
    if len(found) != 1:
        many = "No decision is" if not found else f"{len(found)} decisions are"
        raise GitexpError(f"{many} called {typed!r}", fix="gitexp decisions")
    return found[0]
