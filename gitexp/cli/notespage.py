"""Turn what people said of runs into the list of `gitexp log --notes`: what did not work first, then the newest."""

from __future__ import annotations

import time

import click

from gitexp.cli.opened import Opened
from gitexp.cli.page import show, write_json
from gitexp.cli.render import Screen, ago, safe, wrap
from gitexp.cli.shapes import event_shape
from gitexp.history.cache import Condition
from gitexp.history.row import Event, Row
from gitexp.history.said import said_of
from gitexp.history.select import SHOWN

ORDER = ("retracted", "rejected", "inconclusive", "", "kept")  # "": a note that says nothing of an outcome
_HAVING = Condition("r.id IN (SELECT about FROM events WHERE kind IN ('note', 'retract'))")


def print_notes(here: Opened, wanted: Condition, *, limit: int, as_json: bool) -> None:
    """Print the notes about these runs, and the retractions that are in force; `limit` of them, -1: all."""
    rows = {row.id: row for row in here.history.seen.rows(wanted & _HAVING)}
    said = said_of(here.history.seen, rows)
    found = [note for one in said.values() for note in (*one.notes, *filter(None, [one.retracted]))]
    found.sort(key=lambda note: (ORDER.index(_outcome(note)), -note.said))
    shown = found if limit < 0 else found[:limit]
    if as_json:
        facts = ({"recipe": rows[note.about].recipe, "status": rows[note.about].status} for note in shown)
        write_json(notes=[{**event_shape(note), **fact} for note, fact in zip(shown, facts, strict=True)])
        return
    if not found:
        click.echo("Nothing was said of these runs yet: gitexp note RUN -m TEXT", err=True)
        return
    show(lambda on: "\n".join(_one(note, rows[note.about], on=on) for note in shown), repo=here.repo)
    if len(shown) < len(found):
        click.echo(f"{len(shown)} of {len(found)} notes; -n {len(found)} shows all of them", err=True)


def _outcome(note: Event) -> str:
    return "retracted" if note.kind == "retract" else note.outcome


def _one(note: Event, row: Row, *, on: Screen) -> str:
    outcome = _outcome(note)
    head = on.paint(note.about[:SHOWN], "yellow" + " strike" * (outcome == "retracted"))
    head += f"  {on.paint(safe(row.recipe), 'bold')}  " + (
        f"{on.paint(outcome, 'red')}  " if outcome in ORDER[:2] else ""
    )
    head += f"{outcome}  " if outcome in ("inconclusive", "kept") else ""
    head += on.paint(f"{safe(note.author)}, {ago(note.said, now=time.time())}", "dim") + "\n"
    lines = note.text.strip().split("\n") if note.text else ["(without words that can be read)"]
    return head + "".join(wrap(safe(line), on=on, indent="    ") if line.strip() else "\n" for line in lines)
