"""`gitexp data lineage NAME`: what a dataset was made of, back to the sources."""

from __future__ import annotations

import click

from gitexp.cli.table import completing


@click.command("lineage")
@click.argument("name", shell_complete=completing("dataset"))
@click.option("--json", "as_json", is_flag=True, help="Print the tree as JSON.")
def command(name: str, as_json: bool) -> int:
    """Draw what a dataset was made of, by which recipe, command or run, back to its sources.

    A parent is marked stale where it is no longer the version that was used: by its pinned digest, else by what lies
    at its path.
    """
    from gitexp.cli.opened import opened_here
    from gitexp.cli.page import show, write_json
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.history.trace import trace
    from gitexp.spec.catalogue import DatasetRef
    from gitexp.stages.look import look

    with opened_here() as here:
        place = here.place

        def present(ref: DatasetRef) -> str | None:
            if ref.digest is not None:
                return ref.digest
            with ProgressBar(f"data {ref.name}") as progress:
                return look(ref, place, progress=progress).digest

        datasets, history = here.config.datasets, here.history
        top = trace(name, datasets, history=history, reader=here.reader, present=present, same=place.same)
        if as_json:
            from gitexp.cli.datashapes import ancestor_shape

            write_json(lineage=ancestor_shape(top))
        else:
            from gitexp.cli.datapage import lineage_tree

            show(lambda on: lineage_tree(top, on=on), repo=here.repo)
    return 0
