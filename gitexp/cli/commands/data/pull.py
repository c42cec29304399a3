"""`gitexp data pull [NAME…]`: datasets, brought to where the catalogue says that they lie."""

from __future__ import annotations

import click

from gitexp.cli.render import safe
from gitexp.cli.table import completing
from gitexp.errors import GitexpError, counted
from gitexp.spec.trust import Unapproved


@click.command("pull")
@click.argument("names", nargs=-1, metavar="[NAME]…", shell_complete=completing("dataset"))
def command(names: tuple[str, ...]) -> int:
    """Bring datasets to their paths: those named, else all of the catalogue that have a path.

    The pinned version comes from the object store, from the remotes, or from the dataset's URL. What lies there
    already and is the pinned version stays; anything else there is left alone, and is an error.
    """
    from gitexp.cli.main import print_error
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.cli.render import size
    from gitexp.clone import open_clone
    from gitexp.pipelines.keep import entries_of, pull

    clone = open_clone()
    worst = 0
    for ref in entries_of(clone.config, names):
        if ref.path is None and not names:
            click.echo(f"{safe(ref.name)}  has no path in the catalogue; a run fetches it by itself", err=True)
            continue
        try:
            done = pull(ref, clone=clone, watch=ProgressBar)
        except Unapproved:
            raise
        except GitexpError as error:  # one that is out of reach is no reason to leave out the others
            print_error(error)
            worst = max(worst, error.exit_code)
            continue
        how = "brought to" if done.placed else "already at"
        amount = f"{counted(done.files, 'file')}, {size(done.size_bytes)}"
        click.echo(f"{safe(done.name)}  {how} {safe(done.path)}  ({amount})", err=True)
    return worst
