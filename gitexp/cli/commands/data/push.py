"""`gitexp data push [NAME…]`: bytes, sent to a remote of gitexp.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitexp.cli.render import safe
from gitexp.cli.table import completing
from gitexp.errors import beyond, counted

if TYPE_CHECKING:
    from gitexp.pipelines.send import Sent


@click.command("push")
@click.argument("names", nargs=-1, metavar="[NAME]…", shell_complete=completing("dataset"))
@click.option(
    "--remote",
    metavar="REMOTE",
    shell_complete=completing("store"),
    help="One of [remotes]; the first one without a word.",
)
def command(names: tuple[str, ...], remote: str | None) -> int:
    """Send bytes to a remote: those of the datasets named, else all that the runs here need.

    Only what the remote lacks is sent, and nothing there is ever overwritten. `gitexp push` does the same for the runs
    that it shares.
    """
    from gitexp.cli.opened import opened_here
    from gitexp.cli.progressbar import ObjectsBar, ProgressBar
    from gitexp.pipelines.keep import entries_of, save
    from gitexp.pipelines.send import choose_remote, send_datasets, send_runs

    with opened_here() as here:
        clone, there = here.clone, choose_remote(here.config, remote)
        commits = [] if names else [row.commit for row in here.history.runs.all()]
    if names:
        refs = entries_of(clone.config, names)
        manifests = {ref.name: save(ref, clone=clone, watch=ProgressBar).built.manifest for ref in refs}
        sent = send_datasets(manifests, clone=clone, remote=there, watch=ObjectsBar)
    else:
        sent = send_runs(clone, commits, remote=there, watch=ObjectsBar)
    told = tell(sent)
    return 1 if names and (sent.withheld or sent.absent) else told


def tell(sent: Sent) -> int:
    """Say what went where, and what did not; the exit code."""
    from gitexp.cli.render import coloured, size

    for line in (*sent.withheld, *sent.absent):
        click.echo(f"{coloured('note: ', 'yellow')}{safe(line)}", err=True)
    shown = 20
    for failure in sent.failures[:shown]:
        click.echo(f"{coloured('error: ', 'red')}{safe(failure)}", err=True)
    for rest in beyond(len(sent.failures), shown):
        click.echo(rest.strip(), err=True)
    objects = counted(sent.sent, "object")
    there = f"; {sent.already_there:,} were there" if sent.already_there else ""
    click.echo(f"sent {objects} ({size(sent.size_bytes)}) to {safe(sent.remote.name)}{there}", err=True)
    return 1 if sent.failures else 0
