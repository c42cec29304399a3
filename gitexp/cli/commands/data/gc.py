"""`gitexp data gc`: stored bytes that no run needs."""

from __future__ import annotations

import time

import click

from gitexp.cli.render import safe


@click.command("gc")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(dry_run: bool, as_json: bool) -> int:
    """Remove objects from the store that no run on any branch needs, unpushed runs and remotes' runs included.

    What the catalogue pins stays, and so does all that was stored in the last two weeks. Nothing is removed from a
    store that other clones may use (git config gitexp.store), nor from any remote. Of a damaged or forged record,
    what it lists is kept; where this clone lacks a part of one, nothing is removed.
    """
    from gitexp.cli.opened import settled_clone
    from gitexp.cli.page import write_json
    from gitexp.cli.render import size
    from gitexp.pipelines.prune import find_prunable, prune

    clone = settled_clone()
    found = find_prunable(clone, now=time.time()) if dry_run else prune(clone)
    if as_json:
        write_json(objects=found.unneeded, kept=found.kept, young=found.young, removed=not dry_run)
        return 0
    for sentence in found.damaged:
        click.echo(f"note: {safe(sentence)}", err=True)
    for sentence in found.lacking:
        click.echo(f"note: this clone lacks {safe(sentence)}; gc removes nothing before it is here", err=True)
    if dry_run:
        for digest, size_bytes in found.unneeded.items():
            click.echo(f"{digest}  {size(size_bytes)}")
    verb = "would be removed" if dry_run else "removed"
    total = size(sum(found.unneeded.values()))
    young = f"; {found.young:,} not needed but younger than two weeks" if found.young else ""
    click.echo(f"{len(found.unneeded):,} objects ({total}) {verb}; {found.kept:,} are needed{young}", err=True)
    return 0
