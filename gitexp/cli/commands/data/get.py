"""`gitexp data get DIGEST --to DIR`: a dataset or a file, brought back by its digest alone."""

from __future__ import annotations

from pathlib import Path

import click

from gitexp.cli.render import safe
from gitexp.errors import counted


@click.command("get")
@click.argument("digest")
@click.option("--to", "folder", required=True, metavar="DIR", help="The folder to put it in; made if need be.")
def command(digest: str, folder: str) -> int:
    """Bring back bytes by their digest: a dataset's files, or a single file under the 32 digits of its digest.

    DIGEST may be cut to a beginning of 6 digits or more, of an object that the store here has.

    They come from the object store, else from the remotes of gitexp.toml, and are checked.
    """
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.cli.render import size
    from gitexp.clone import open_clone
    from gitexp.pipelines.getdigest import get_digest

    cwd = Path.cwd()
    clone = open_clone(cwd)
    got = get_digest(clone, digest, folder=cwd / folder, watch=ProgressBar)
    files = counted(got.files, "file")
    where = f"already in {safe(folder)}" if got.was_there else f"{size(got.size_bytes)}, in {safe(folder)}"
    click.echo(f"{safe(got.names[0])}: {files}, {where}", err=True)
    return 0
