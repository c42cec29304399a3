"""`gitexp tag`: names for runs."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence

import click

from gitexp.cli.opened import Opened, opened_here
from gitexp.cli.page import show, write_json
from gitexp.cli.render import Cell, Column, Screen, ago, safe, stamp, table
from gitexp.cli.shapes import event_shape
from gitexp.cli.table import completing, why_option
from gitexp.errors import GitexpError, UsageError
from gitexp.history.row import Event
from gitexp.history.said import said_of, tagged
from gitexp.record.event import MOST_RUNS, Payload, is_tag


@click.command("tag")
@click.argument("run", required=False, shell_complete=completing("run"))
@click.argument("name", required=False)
@click.option("--move", is_flag=True, help="Take the name from the run that has it.")
@click.option("--delete", "-d", is_flag=True, help="Take the name from RUN.")
@why_option("The reason, without which no name is moved.")
@click.option("--json", "as_json", is_flag=True, help="Print the tags as JSON.")
def command(run: str | None, name: str | None, move: bool, delete: bool, why: str, as_json: bool) -> int:
    """Give RUN a name, by which it can be called wherever a run is: `gitexp diff baseline latest`.

    Without RUN and NAME: list the tags. `gitexp push` shares them. Where two labs gave one name to different runs the
    later tag holds, and whoever uses it is told; --delete of the wrong one settles it.

    \b
    gitexp tag best:val.acc baseline
    gitexp tag latest baseline --move --why "trained on all rows"
    """
    if run is None:
        if move or delete:
            raise UsageError("Which run, and which name?", fix="gitexp tag RUN NAME")
        with opened_here() as here:
            print_names(here, tagged(here.history.runs), of="tags", as_json=as_json)
        return 0
    if name is None or as_json:
        line = f"gitexp tag {shlex.quote(run)} {shlex.quote(run)} --delete" if delete else "gitexp tag RUN NAME"
        what = "--json lists the tags" if as_json else "Which tag of which run?" if delete else "A tag needs a name"
        raise UsageError(what, fix=f"{line}    or    gitexp tag")
    if move and not why.strip():
        line = f'gitexp tag {shlex.quote(run)} {shlex.quote(name)} --move --why "…"'
        raise UsageError("A tag is moved for a reason", fix=line)
    if not is_tag(name):
        raise GitexpError(
            f"{name!r} cannot be a tag",
            why="A tag is made of letters, digits, and _ . + - behind the first of them, 64 at most. It is no word "
            "that means a run by itself (latest), and not like a run's id (4 to 16 letters from k to z) or a commit's.",
            fix=f"gitexp tag {shlex.quote(name)} {run}    # the run comes first" if is_tag(run) else "",
        )
    with opened_here() as here:
        click.echo(_untag(here, run, name, why=why) if delete else _tag(here, run, name, move=move, why=why), err=True)
    return 0


def _tag(here: Opened, run: str, name: str, *, move: bool, why: str) -> str:
    from gitexp.stages.say import say

    runs, row = here.history.runs, here.history.select(run)
    had = tagged(runs, name)
    others = [one.about for one in had if one.about != row.id]
    if had and not others:
        return f"{row.id} is tagged {name} already"
    if others and not move:
        raise GitexpError(
            f"{name!r} is run {others[0]} already, tagged by {had[0].author}",
            fix=f'gitexp tag {row.id} {name} --move --why "…"',
        )
    commit = say(here.clone, runs, row, kind="tag", payload=Payload(why, name, runs=others[:MOST_RUNS]))
    return f"tagged {row.id} {name}" + (f", which was {others[0]}" if others else "") + f" (commit {commit[:10]})"


def _untag(here: Opened, run: str, name: str, *, why: str) -> str:
    from gitexp.stages.say import say

    runs, row = here.history.runs, here.history.select(run)
    if row.id not in (one.about for one in tagged(runs, name)):
        raise GitexpError(f"Run {row.id} is not tagged {name!r}", fix="gitexp tag    lists the tags")
    commit = say(here.clone, runs, row, kind="untag", payload=Payload(why, name))
    return f"{row.id} is tagged {name} no more (commit {commit[:10]})"


def print_names(here: Opened, names: Sequence[Event], *, of: str, as_json: bool) -> None:
    """Print the `tags` or `baselines` that are in force, by name."""
    tags = sorted(names, key=lambda one: (one.name, -one.said))
    if as_json:
        write_json(**{of: [event_shape(one) for one in tags]})
        return
    if not tags and not here.history.runs.count():
        raise here.history.no_runs()
    if not tags:
        click.echo(f"There are no {of}", err=True)
        return
    said = said_of(here.history.runs, [one.about for one in tags])
    out = {run: f"retracted: {those.reason}" for run, those in said.items() if those.retracted}
    columns = [
        Column("tag" if of == "tags" else "recipe"),
        Column("run"),
        Column("when"),
        Column("by", least=8),
        Column("why", least=12),
    ]

    def page(on: Screen) -> str:
        cells = [
            [
                Cell(safe(one.name), "bold"),
                Cell(safe(one.about), "yellow"),
                Cell(stamp(one.said) if on.width is None else ago(one.said, now=time.time()), "dim"),
                Cell(safe(one.author)),
                Cell(safe(out.get(one.about) or one.text) or "-", "red" if one.about in out else "dim"),
            ]
            for one in tags
        ]
        return table(columns, cells, on=on)

    show(page, repo=here.repo)
