"""`gitexp data save [NAME…]`: a dataset's bytes, put into the object store."""

from __future__ import annotations

import click

from gitexp.cli.render import safe
from gitexp.cli.table import completing
from gitexp.errors import counted


@click.command("save")
@click.argument("names", nargs=-1, metavar="[NAME]…", shell_complete=completing("dataset"))
@click.option("--check", is_flag=True, help="Read what is stored already, and replace what is damaged.")
def command(names: tuple[str, ...], check: bool) -> int:
    """Put datasets of the catalogue into the object store: all of them, or those named.

    The store is .git/gitexp/objects, or where `git config gitexp.store` says. Every file is stored once, whatever its
    name, shares its blocks with yours where the file system can, and is checked on the way in. What is there already
    counts as stored if its size is right; --check reads it.
    """
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.cli.render import size
    from gitexp.clone import open_clone
    from gitexp.datasets.objects.store import ObjectStore
    from gitexp.pipelines.keep import entries_of, save

    clone = open_clone()
    held = ObjectStore.holds_whole if check else ObjectStore.holds
    for ref in entries_of(clone.config, names):
        done = save(ref, clone=clone, watch=ProgressBar, held=held)
        built, new = done.built, f"{done.added:,} new" if done.added else "all stored before"
        amount = f"{counted(built.files, 'file')}, {size(built.size_bytes)}"
        click.echo(f"{safe(done.name)}  {built.digest}  {amount}, {new}", err=True)
    return 0
