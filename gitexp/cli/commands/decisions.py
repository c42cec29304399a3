"""`gitexp decisions`: what was decided, and the runs that it rests on."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import click

from gitexp.cli.opened import opened_here
from gitexp.cli.page import show, write_json
from gitexp.cli.render import Screen, ago, safe, wrap
from gitexp.cli.shapes import event_shape
from gitexp.history.row import Event
from gitexp.history.said import Said, decisions, said_of
from gitexp.history.select import SHOWN


@click.command("decisions")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def command(as_json: bool) -> int:
    """List the decisions, the newest first, with the runs that they rest on.

    One that was replaced is struck out; where a run that one rests on was retracted, that is said.
    """
    with opened_here() as here:
        found = decisions(here.history.runs)
        said = said_of(here.history.runs, [run for one in found for run in json.loads(one.runs)])
        replaced = {one.name: one.commit for one in reversed(found) if one.name}
        if as_json:
            write_json(decisions=[{**event_shape(one), "replaced_by": replaced.get(one.commit)} for one in found])
        elif not found and not here.history.runs.count():
            raise here.history.no_runs()
        elif not found:
            click.echo('Nothing was decided yet: gitexp decide "…" --because RUN', err=True)
        else:
            show(
                lambda on: "\n".join(_one(one, said, replaced.get(one.commit), on=on) for one in found), repo=here.repo
            )
    return 0


def _one(one: Event, said: Mapping[str, Said], by: str | None, *, on: Screen) -> str:
    text = on.paint(one.commit[:SHOWN], "yellow" + " strike" * (by is not None))
    text += f"  {on.paint(f'{safe(one.author)}, {ago(one.said, now=time.time())}', 'dim')}"
    text += f"  {on.paint(f'replaced by {by[:SHOWN]}', 'red')}\n" if by else "\n"
    words = [line for line in one.text.split("\n") if line.strip()] or ["(without words that can be read)"]
    text += "".join(wrap(safe(line), on=on, indent="    ") for line in words)
    for run in json.loads(one.runs):
        those = said.get(run)
        out = on.paint(f"  retracted: {safe(those.reason)}", "red") if those and those.reason is not None else ""
        text += f"    because of {on.paint(safe(run), 'yellow')}{out}\n"
    return text
