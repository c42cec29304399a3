"""`gitexp get RUN [NAME…] --to DIR`: what a run read or wrote, brought back by content."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitexp.cli.render import safe
from gitexp.cli.table import completing
from gitexp.errors import GitexpError, and_more, counted

if TYPE_CHECKING:
    from gitexp.git.repo import Repo
    from gitexp.pipelines.get import Got


@click.command("get")
@click.argument("run", shell_complete=completing("run"))
@click.argument("names", nargs=-1, metavar="[DATASET | ARTIFACT | FILE]…", shell_complete=completing("part"))
@click.option("--to", "folder", required=True, metavar="DIR", help="The folder to put it in; made if need be.")
@click.option(
    "--from-source", is_flag=True, help="Also ask addresses that RUN's record names and the catalogue here does not."
)
def command(run: str, names: tuple[str, ...], folder: str, from_source: bool) -> int:
    """Bring back what RUN read or wrote: a dataset, an artifact, a folder of artifacts; a FILE of its record, such as
    history.csv (the whole of it), recipe.toml, output.log or code/train.py; or `code`, all that ran, to a new DIR.

    Without a name: everything, in DIR/data/NAME and DIR/artifacts. Bytes come from the object store, from git where
    the data is part of the code, from the remotes of gitexp.toml, and from the URL that a dataset came from; all are
    checked by digest. A URL that only the record names is asked with --from-source alone, and never on this machine's
    own network. A file that is in the way is left as it is, and the command stops before it places anything.

    \b
    gitexp get latest digits --to data/digits
    gitexp get best:val.acc weights.pt --to out
    gitexp get latest code --to ../as-it-was
    """
    from gitexp.cli.opened import opened_here
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.history.read import read_run
    from gitexp.pipelines.get import choose, get, what_run_has
    from gitexp.pipelines.getrecord import CODE, file_of_record, get_code

    target = Path(os.path.normpath(Path.cwd() / folder))
    fresh = not target.exists()
    with opened_here() as here:
        row = here.history.select(run)
        found = read_run(here.reader, row.commit)
        everything = list(what_run_has(here.reader, found, names=names))
        named = {one.name for one in everything}
        if CODE in names and CODE not in named and CODE in found.tree:
            _refuse_company(run, names, folder)
            _tell(get_code(here.repo, found, folder=target), row.id, folder)
            _ignore(here.repo, target, folder, fresh=fresh)
            return 0
        store, texts = here.place.store, sorted(found.tree)
        wanted = [] if names else everything
        for name in names:
            file = None if name in named else file_of_record(here.repo, here.reader, found, name, store)
            wanted += choose(everything, name, texts=texts) if file is None else [file]
    if not wanted:
        click.echo(f"{row.id} read no dataset and saved nothing", err=True)
        return 0
    got = get(here.clone, wanted, folder=target, watch=ProgressBar, apart=not names, strange=from_source)
    _tell(got, row.id, folder)
    _ignore(here.repo, target, folder, fresh=fresh)
    return 0


def _ignore(repo: Repo, target: Path, folder: str, *, fresh: bool) -> None:
    """Have git ignore a folder that was made here: else it would make the next run's tree dirty."""
    from gitexp.git.ignoring import ignore_here

    if fresh and ignore_here(repo, target):
        click.echo(f"git ignores {safe(folder)} in this clone now (.git/info/exclude)", err=True)


def _refuse_company(run: str, names: tuple[str, ...], folder: str) -> None:
    """`code` beside other names: they would lie among its files."""
    rest = [name for name in dict.fromkeys(names) if name != "code"]
    if rest:
        to, line = folder.rstrip("/"), shlex.join(["gitexp", "get", run, *rest, "--to", folder])
        raise GitexpError(
            "The code of a run goes to a folder of its own",
            fix=f"{shlex.join(['gitexp', 'get', run, 'code', '--to', f'{to}-code'])} && {line}",
        )


def _tell(got: Got, run_id: str, folder: str) -> None:
    from gitexp.cli.render import size

    what = ", ".join(map(safe, got.names[:3])) + and_more(len(got.names), 3)
    files = counted(got.files, "file")
    fetched = f"; {size(got.fetched_bytes)} fetched" if got.fetched_bytes else ""
    where = f"already in {safe(folder)}" if got.was_there else f"{size(got.size_bytes)}, in {safe(folder)}"
    click.echo(f"{what} of {run_id}: {files}, {where}{fetched}", err=True)
