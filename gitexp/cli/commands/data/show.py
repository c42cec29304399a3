"""`gitexp data show NAME`: one dataset, or the rows of one of its splits."""

from __future__ import annotations

import time
from functools import partial

import click

from gitexp.cli.table import completing


@click.command("show")
@click.argument("name", shell_complete=completing("dataset"))
@click.option("--rows", "split", metavar="SPLIT", help="Print the row numbers of a split or sample, one a line.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(name: str, split: str | None, as_json: bool) -> int:
    """Show a dataset of the catalogue: what it is, where its bytes are, whose it is, how it is divided.

    \b
    gitexp data show digits
    gitexp data show digits --rows train     what gitexp.split("digits", "train") returns
    """
    from gitexp.cli.opened import opened_here
    from gitexp.cli.page import show, write, write_json
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.cli.render import safe
    from gitexp.history.datause import uses_of
    from gitexp.pipelines.keep import entries_of
    from gitexp.pipelines.pin import doubts
    from gitexp.stages.look import look, stored

    with opened_here() as here:
        [ref] = entries_of(here.config, [name])
        if split is not None:
            from gitexp.pipelines.examine import rows_of

            drawn = rows_of(ref, split, clone=here.clone, watch=ProgressBar)
            if as_json:
                write_json(dataset=name, split=split, digest=drawn.digest, rows=list(drawn.indices))
            else:
                write(drawn.lines.decode())
            return 0
        place = here.place
        with ProgressBar(f"data {name}") as progress:
            one = look(ref, place, progress=progress)
        is_stored = stored(ref, place, here=one.digest) is not None
        runs = list(
            {use.row.commit: use.row for use in uses_of(here.repo, here.reader, here.history.runs.all(), name)}.values()
        )
        if as_json:
            from gitexp.cli.datashapes import look_shape

            write_json(dataset={**look_shape(one), "stored": is_stored, "runs": [row.id for row in runs]})
        else:
            from gitexp.cli.datapage import dataset_page

            page = partial(dataset_page, one, runs, stored=is_stored, remotes=list(here.config.remotes))
            show(lambda on: page(on=on, now=time.time()), repo=here.repo)
        for doubt in doubts([ref], here.clone):
            click.echo(f"note: {safe(doubt)}", err=True)
    return 0
