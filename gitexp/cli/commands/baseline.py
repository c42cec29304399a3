"""`gitexp baseline`: the run that others are measured against."""

from __future__ import annotations

import shlex

import click

from gitexp.cli.opened import Opened, opened_here
from gitexp.cli.table import completing, why_option
from gitexp.errors import GitexpError, UsageError
from gitexp.history.said import NOTHING_SAID, baselines, said_of
from gitexp.history.select import UnknownRun
from gitexp.record.event import MOST_RUNS, Payload


@click.command("baseline")
@click.argument("run", required=False, shell_complete=completing("run"))
@click.option("--for", "recipe", metavar="RECIPE", help="Of this recipe's runs (RUN's own).")
@click.option("--none", is_flag=True, help="The recipe of --for has no baseline any more.")
@why_option("The reason, without which no baseline is moved.")
@click.option("--json", "as_json", is_flag=True, help="Print the baselines as JSON.")
def command(run: str | None, recipe: str | None, none: bool, why: str, as_json: bool) -> int:
    """Measure the runs of a recipe against RUN: `gitexp show` its deltas, and `gitexp diff` one run named alone.

    Without RUN: list the baselines. `gitexp push` shares them. One that is retracted is none. Where two labs set
    different ones the later holds, and `show` and `diff` say so; setting it once more, with --why, settles it.

    \b
    gitexp baseline best:val.acc
    gitexp baseline latest --why "the schedule is fixed"
    """
    if none and (run is not None or recipe is None or as_json):
        raise UsageError("--none takes the baseline of a recipe away", fix="gitexp baseline --none --for RECIPE")
    with opened_here() as here:
        if run is not None:
            click.echo(_set(here, run, recipe, why=why), err=True)
        elif none and recipe is not None:
            click.echo(_unset(here, recipe, why=why), err=True)
        else:
            from gitexp.cli.commands.tag import print_names

            print_names(here, baselines(here.history.runs, recipe), of="baselines", as_json=as_json)
    return 0


def _set(here: Opened, run: str, recipe: str | None, *, why: str) -> str:
    from gitexp.stages.say import say

    runs, row = here.history.runs, here.history.select(run)
    of = row.recipe if recipe is None else recipe
    known = [str(name) for (name,) in runs.values("DISTINCT r.recipe")]
    if of not in known:
        from gitexp.text.schema import near

        raise UnknownRun(f"There is no run of a recipe {of!r}{near(of, known)}", fix="gitexp log")
    reason = said_of(runs, [row.id]).get(row.id, NOTHING_SAID).reason
    if reason is not None:
        raise GitexpError(
            f"Run {row.id} is retracted, and so no baseline: {reason}", fix=f"gitexp retract {row.id} --undo"
        )
    had = baselines(runs, of)
    others = [one for one in had if one.about != row.id]
    if had and not others:
        return f"{row.id} is the baseline of {of} already"
    if others and not why.strip():
        raise GitexpError(
            f"The baseline of {of} is run {others[0].about}, since {others[0].author} said so",
            fix=f'gitexp baseline {row.id} --for {shlex.quote(of)} --why "…"',
        )
    payload = Payload(why, of, runs=[one.about for one in others[:MOST_RUNS]])
    commit = say(here.clone, runs, row, kind="baseline", payload=payload)
    was = f", which was {others[0].about}" if others else ""
    return f"{row.id} is the baseline of {of}{was} (commit {commit[:10]})"


def _unset(here: Opened, recipe: str, *, why: str) -> str:
    from gitexp.stages.say import say

    had = baselines(here.history.runs, recipe)
    if not had:
        raise GitexpError(f"{recipe!r} has no baseline", fix="gitexp baseline    lists them")
    row = here.history.select(had[0].about)
    commit = say(here.clone, here.history.runs, row, kind="unbaseline", payload=Payload(why, recipe))
    return f"{recipe} has no baseline any more; it was {row.id} (commit {commit[:10]})"
