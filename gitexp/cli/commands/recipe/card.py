"""`gitexp recipe card RECIPE`: a recipe and its components as a page."""

from __future__ import annotations

from pathlib import Path

import click

from gitexp.cli.table import completing


@click.command("card")
@click.argument("recipe", shell_complete=completing("recipe"))
@click.option("--markdown", is_flag=True, help="Print it as Markdown.")
def command(recipe: str, markdown: bool) -> int:
    """Show a recipe and its components as a page: what each is for, what it takes and gives, what to expect.

    Nothing of the recipe is imported or run.

    \b
    gitexp recipe card digits-mlp
    gitexp recipe card digits-mlp --markdown > CARD.md
    """
    from gitexp.cli.page import show, write
    from gitexp.cli.recipepage import markdown_page, sections, text_page
    from gitexp.clone import open_clone
    from gitexp.pipelines.cards import recipe_card

    cwd = Path.cwd()
    clone = open_clone(cwd)
    found = sections(recipe_card(recipe, clone=clone, cwd=cwd))
    if markdown:
        write(markdown_page(found))
    else:
        show(lambda on: text_page(found, on=on), repo=clone.repo)
    return 0
