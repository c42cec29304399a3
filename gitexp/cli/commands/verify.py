"""`gitexp verify`: whether records are what the format says, without trusting who wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitexp.cli.opened import Opened, opened_here
from gitexp.cli.page import write, write_json
from gitexp.cli.render import safe, screen
from gitexp.cli.table import completing
from gitexp.errors import UsageError, counted
from gitexp.git.signatures import STATES

if TYPE_CHECKING:
    from gitexp.git.branch import Tip
    from gitexp.verify.branch import Verified

LONGEST = 500  # characters of a problem that are shown
SHOWN = 8


@click.command("verify")
@click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=completing("run"))
@click.option("--all", "everything", is_flag=True, help="Every commit of the branch, also as last fetched.")
@click.option("--data", is_flag=True, help="Read the bytes of data and artifacts that are here, too.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(runs: tuple[str, ...], everything: bool, data: bool, as_json: bool) -> int:
    """Check records against the format: nothing of them is believed, executed or fetched.

    RUN is the latest run unless it is given. --all also looks whether the branch only grew, and each run is there once.

    A line for each problem; exit code 1 where there is one. What cannot be looked at here is counted, and is none.
    """
    if runs and everything:
        raise UsageError("--all leaves no RUN to choose", fix="gitexp verify --all")
    with opened_here() as here:
        tips = [*here.history.tips.values()]
        if not tips:
            raise here.history.no_runs()
        found = _found(here, tips, None if everything else runs or ("latest",), data=data)
        if as_json:
            shown = ("commits", "runs", "events", "problems", "unseen", "bytes_checked", "bytes_absent", "signatures")
            write_json(**{name: getattr(found, name) for name in shown})
        else:
            _write(here, found, data=data)
    return 1 if found.problems else 0


def _found(here: Opened, tips: list[Tip], words: tuple[str, ...] | None, *, data: bool) -> Verified:
    from gitexp.history.choosing import choose
    from gitexp.history.historyfile import whole_from
    from gitexp.verify.branch import verify
    from gitexp.verify.manifests import Bytes

    only = None
    if words is not None:
        only = {row.commit for row in choose(here.history, words, smoke=True, retracted=True, attempts=True)}
    store = here.place.store
    held, whole = (Bytes(store), whole_from(store)) if data else (None, None)
    return verify(here.repo, tips, only=only, held=held, whole=whole, sign=here.config.policy.sign)


def _write(here: Opened, found: Verified, *, data: bool) -> None:
    on = screen(here.repo.settings)
    for one in found.problems:
        run = f" {on.paint(safe(one.run[:SHOWN]), 'yellow')}" if one.run else ""
        what = one.what if len(one.what) <= LONGEST else f"{one.what[: LONGEST - 1]}…"
        write(f"{one.commit[:12]}{run}  {safe(what)}\n")
    for what, number in found.unseen.items():
        click.echo(f"not looked at: {number:,} × {what}", err=True)
    if data:
        absent = f"; {found.bytes_absent:,} are not here" if found.bytes_absent else ""
        click.echo(f"{counted(found.bytes_checked, 'object')} of data and artifacts read{absent}", err=True)
    if set(found.signatures) - {"missing"}:
        told = (f"{found.signatures[state]:,} {state}" for state in STATES if state in found.signatures)
        click.echo(f"signatures: {', '.join(told)}", err=True)
    what = f"{counted(found.runs, 'run')}, {counted(found.events, 'event')}: "
    bad = len({one.commit for one in found.problems})
    said = counted(len(found.problems), "problem") + f" in {counted(bad, 'commit')}" if bad else "no problem"
    click.echo(what + said, err=True)
