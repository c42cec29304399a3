"""`gitexp data list`: the datasets of the catalogue, and how each stands."""

from __future__ import annotations

import click


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def command(as_json: bool) -> int:
    """List the datasets of the catalogue: what each is, and whether the pinned version is here.

    Nothing is fetched, and only files that have changed since they were last hashed are read.
    """
    from gitexp.cli.opened import opened_here
    from gitexp.cli.page import show, write_json
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.cli.render import safe
    from gitexp.pipelines.pin import doubts
    from gitexp.stages.look import look

    with opened_here() as here:
        looks = []
        for ref in here.config.datasets.values():
            with ProgressBar(f"data {ref.name}") as progress:
                looks.append(look(ref, here.place, progress=progress))
        if as_json:
            from gitexp.cli.datashapes import look_shape

            write_json(datasets=[look_shape(one) for one in looks])
        elif looks:
            from gitexp.cli.datapage import catalogue_table

            show(lambda on: catalogue_table(looks, on=on), repo=here.repo)
        for doubt in doubts(here.config.datasets.values(), here.clone):
            click.echo(f"note: {safe(doubt)}", err=True)
        if not looks:
            click.echo('No datasets are named yet; in gitexp.toml:\n[datasets.NAME]\npath = "…"', err=True)
    return 0
