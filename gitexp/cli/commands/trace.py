"""`gitexp trace`: from a number of a run back to where it came from."""

from __future__ import annotations

import click

from gitexp.cli.opened import opened_here
from gitexp.cli.page import show, write_json
from gitexp.cli.pageparts import LISTED, fact_table, heading, remarks, rest_of
from gitexp.cli.render import VALUE_LIMIT, Cell, Column, Screen, duration, number, safe, table
from gitexp.cli.table import completing
from gitexp.curves.origin import Origin, origin_of
from gitexp.curves.recorded import read_whole
from gitexp.history.read import read_run
from gitexp.history.select import SHOWN
from gitexp.record.digests import Oid


@click.command("trace")
@click.argument("run", shell_complete=completing("run"))
@click.argument("metric", shell_complete=completing("metric"))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(run: str, metric: str, as_json: bool) -> int:
    """Trace a run's number back: the row that it was logged in, the rule that chose it, the lines of the recipe that
    asked for it, the code, the data, and the runs before.

    \b
    gitexp trace best:val.acc val.acc
    """
    with opened_here() as here:
        row = here.history.select(run)
        found = read_run(here.reader, row.commit)
        origin = origin_of(found, metric, read_whole(here.reader, found, here.place.store), reader=here.reader)
        if as_json:
            write_json(run=row.id, commit=row.commit, **origin._asdict())
        else:
            name = f"{safe(row.recipe)} {row.id[:SHOWN]}"
            show(lambda on: _page(origin, name, row.commit, on=on), repo=here.repo)
    return 0


def _page(origin: Origin, name: str, commit: str, *, on: Screen) -> str:
    facts = [("value", f"{origin.value!r}", "bold"), ("of", name, ""), ("chosen", safe(origin.rule), "")]
    row = origin.row
    if row is not None:
        place = ["row of a sample" if row.number is None else f"row {row.number}"]
        place += [f"step {row.step}"] if row.step is not None else []
        place += [f"{duration(row.time_s)} after the start"] if row.time_s is not None else []
        place += [f"attempt {row.attempt}"] if row.attempt > 1 else []
        place += [f"first or last of {origin.same} rows with this value"] if origin.same > 1 else []
        facts.append(("logged", ", ".join(place), ""))
    asked = origin.asked[:LISTED] or ["by no line of the recipe or of gitexp.toml"]
    facts += [("asked" if not at else "", safe(line[:VALUE_LIMIT]), "") for at, line in enumerate(asked)]
    facts += [("seen", safe(line[:VALUE_LIMIT]), "") for line in origin.seen[:LISTED]]
    known = Oid(origin.code["commit"] or "").digits[:10] or "no commit"
    dirty = "" if origin.code["clean"] is not False else ", dirty"
    facts.append(("code", safe(f"{known}{dirty}, tree {(origin.code['tree'] or '')[:10] or 'not recorded'}"), ""))
    facts += [
        ("data", safe(f"{key}  {digest or 'no digest'}"), "") for key, digest in list(origin.data.items())[:LISTED]
    ]
    facts += [("before", safe(line[:VALUE_LIMIT]), "") for line in origin.parents[:LISTED]]
    facts.append(("record", f"git show {commit[:12]}:history.csv", "dim"))
    text = on.paint(safe(origin.metric), "bold") + "\n" + fact_table(facts, on=on)
    if row is not None:
        cells = [[Cell(safe(key)), Cell(number(value))] for key, value in list(row.values.items())[:LISTED]]
        text += (
            "\n" + heading("the row", on=on) + table([Column("", least=8), Column("", True)], cells, on=on, indent="  ")
        )
        text += rest_of(len(row.values) - LISTED)
    return text + ("\n" + remarks(origin.notes, on=on) if origin.notes else "")
