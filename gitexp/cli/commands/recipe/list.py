"""`gitexp recipe list`: the recipes and components that there are, or that would fit into a recipe."""

from __future__ import annotations

from pathlib import Path

import click

from gitexp.cli.table import completing
from gitexp.spec.recipe_shape import SLOTS


@click.command("list")
@click.option("--slot", type=click.Choice(SLOTS), metavar="SLOT", help=f"Only components for it: {', '.join(SLOTS)}.")
@click.option(
    "--fits",
    metavar="RECIPE",
    shell_complete=completing("recipe"),
    help="Only components that would fit into this recipe, as far as cards say.",
)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, with why one does not fit.")
def command(slot: str | None, fits: str | None, as_json: bool) -> int:
    """List the components of this repository and of gitexp: slot, contract version, owner; and the recipes.

    A component is listed where it has a card, a table in X.toml beside X.py. Whether one fits is said from the cards
    alone (contract version, fields, shapes, types); `gitexp check RECIPE -s SLOT.use=…` tries it.

    \b
    gitexp recipe list --slot model --fits digits-mlp
    """
    from gitexp.cli.page import show, write_json
    from gitexp.cli.recipepage import index_page, index_shape
    from gitexp.cli.render import safe
    from gitexp.clone import open_clone
    from gitexp.pipelines.cards import index

    cwd = Path.cwd()
    clone = open_clone(cwd)
    found = index(slot=slot, fits=fits, clone=clone, cwd=cwd)
    if as_json:
        write_json(**index_shape(found, judged=fits is not None))
    else:
        show(lambda on: index_page(found, on=on), repo=clone.repo)
        refused = sum(bool(one.problems) for one in found.components)
        if refused:
            click.echo(f"note: {refused} more would not fit; --json says why", err=True)
        if not found.recipes and len(found.components) == refused:
            click.echo("No component fits here" if fits else "No component has a card for that slot", err=True)
    for problem in found.problems:
        click.echo(f"warning: {safe(problem)}", err=True)
    return 0
