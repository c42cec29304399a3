"""`gitexp get RUN [NAME…] --to DIR`: what a run read or wrote, brought back by content."""

from __future__ import annotations

from pathlib import Path

import click

from gitexp.cli.render import safe
from gitexp.cli.table import completing


@click.command("get")
@click.argument("run", shell_complete=completing("run"))
@click.argument("names", nargs=-1, metavar="[DATASET | ARTIFACT]…", shell_complete=completing("part"))
@click.option("--to", "folder", required=True, metavar="DIR", help="The folder to put it in; made if need be.")
@click.option(
    "--from-source", is_flag=True, help="Also ask addresses that RUN's record names and the catalogue here does not."
)
def command(run: str, names: tuple[str, ...], folder: str, from_source: bool) -> int:
    """Bring back what RUN read or wrote: a dataset, an artifact, a folder of artifacts, history.csv.

    Without a name: everything, in DIR/data/NAME and DIR/artifacts. Bytes come from the object store, from git where
    the data is part of the code, from the remotes of gitexp.toml, and from the URL that a dataset came from; all are
    checked by digest. A URL that only the record names is asked with --from-source alone, and never on this machine's
    own network. A file that is in the way is left as it is, and the command stops before it places anything.

    \b
    gitexp get latest digits --to data/digits
    gitexp get best:val.acc weights.pt --to out
    """
    from gitexp.cli.opened import opened_here
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.cli.render import size
    from gitexp.history.read import read_run
    from gitexp.pipelines.get import choose, get, what_run_has
    from gitexp.stages.configure import read_config

    target = Path.cwd() / folder
    with opened_here() as here:
        row = here.history.select(run)
        everything = what_run_has(here.reader, read_run(here.reader, row.commit))
        config = read_config(here.repo, here.settings)
    wanted = [one for name in names for one in choose(everything, name)] if names else everything
    if not wanted:
        click.echo(f"{row.id} read no dataset and saved nothing", err=True)
        return 0
    got = get(
        here.repo,
        wanted,
        folder=target,
        config=config,
        settings=here.settings,
        watch=ProgressBar,
        apart=not names,
        strange=from_source,
    )
    what = ", ".join(map(safe, got.names[:3])) + (f" and {len(got.names) - 3} more" if len(got.names) > 3 else "")
    files = "1 file" if got.files == 1 else f"{got.files:,} files"
    fetched = f"; {size(got.fetched_bytes)} fetched" if got.fetched_bytes else ""
    where = f"already in {safe(folder)}" if got.was_there else f"{size(got.size_bytes)}, in {safe(folder)}"
    click.echo(f"{what} of {row.id}: {files}, {where}{fetched}", err=True)
    return 0
