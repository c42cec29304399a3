"""`gitexp data history NAME`: the versions of a dataset."""

from __future__ import annotations

import time

import click

from gitexp.cli.table import completing


@click.command("history")
@click.argument("name", shell_complete=completing("dataset"))
@click.option("--json", "as_json", is_flag=True, help="Print the versions as JSON, with all their runs.")
def command(name: str, as_json: bool) -> int:
    """List the versions of a dataset, the newest first: since when, how large, which runs used each.

    NAME is its name in the catalogue, or in the recipes that read it. `gitexp data runs DIGEST` lists the runs of one.
    """
    from gitexp.cli.opened import opened_here
    from gitexp.cli.page import show, write_json
    from gitexp.cli.render import safe
    from gitexp.pipelines.pin import doubts
    from gitexp.pipelines.recount import versions

    with opened_here() as here:
        found = versions(name, here.config, history=here.history, reader=here.reader)
        if as_json:
            from gitexp.cli.datashapes import version_shape

            write_json(dataset=name, versions=[version_shape(one) for one in found])
        elif found:
            from gitexp.cli.datapage import history_table

            show(lambda on: history_table(found, on=on, now=time.time()), repo=here.repo)
        else:
            click.echo(f"No run has used {safe(name)} yet, and it is not pinned", err=True)
        ref = here.config.datasets.get(name)
        for doubt in doubts([ref] if ref is not None else [], here.clone):
            click.echo(f"note: {safe(doubt)}", err=True)
    return 0
