"""`gitexp check RECIPE`: print what a recipe resolves to; with --explain, where each value comes from and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gitexp.cli.folded import folded
from gitexp.cli.page import show
from gitexp.cli.render import Cell, Column, Screen, safe
from gitexp.cli.table import RecipeCommand, completing
from gitexp.clone import Clone, open_clone
from gitexp.spec.recipe import Recipe
from gitexp.stages.check import tables_that_may_be_meant
from gitexp.stages.resolve import Request, resolve
from gitexp.text.schema import dotted, inline, leaves, split_key

NARROWEST = 12  # columns of a key or a value, however narrow the terminal
WIDEST = 120  # longer lines are hard to read


@click.command("check", cls=RecipeCommand)
@click.argument("recipe", shell_complete=completing("recipe"))
@click.option(
    "-s", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key; +KEY=VALUE adds one."
)
@click.option("--seed", type=int, metavar="N", help="The run's seed: {seed}, GITEXP_SEED, `seed` of the recipe.")
@click.option("--explain", is_flag=True, help="Show where each value comes from, and the reason given for it.")
def command(recipe: str, overrides: tuple[str, ...], seed: int | None, explain: bool) -> int:
    """Validate a recipe and print what it resolves to, without running anything.

    A recipe that is made of components is tried, with its data, in the interpreter that would train it: what it prints
    has the components' defaults, and what each component gives to the next stands on stderr.

    What is printed is itself a recipe with the same values: `gitexp check x > recipes/y.toml` makes a copy of x that
    extends nothing.
    """
    cwd = Path.cwd()
    clone = open_clone(cwd)
    request = Request(cwd, recipe, overrides=overrides, seed=seed)
    resolved = resolve(request, root=clone.repo.root, config=clone.config)
    for words in tables_that_may_be_meant(resolved):
        click.echo(f"warning: {safe(words)}", err=True)
    if resolved.made_of_components:
        resolved = _rehearsed(resolved, clone)
    if explain:
        show(lambda on: explained(resolved, on=on), repo=clone.repo)
    else:
        click.echo(safe(resolved.text, lines="kept"), nl=False)
    return 0


def _rehearsed(recipe: Recipe, clone: Clone) -> Recipe:
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.cli.termination import exit_when_told
    from gitexp.pipelines.rehearse import rehearse

    exit_when_told()
    found, warnings = rehearse(recipe, clone=clone, watch=ProgressBar)
    lines = (*(f"warning: {words}" for words in warnings), *found.flow)
    for line in lines:
        click.echo(safe(line), err=True)
    warned = any(line.startswith("warning: ") for line in lines)
    fits = "it fits together, with the warnings above" if warned else "everything fits"
    click.echo(f"{safe(recipe.name)}: {fits}; nothing was trained", err=True)
    return found.recipe


def explained(recipe: Recipe, *, on: Screen) -> str:
    """Keys, values, origins, each key's reason below its value. [about] comes last: it is long, and sets nothing."""
    reasons = recipe.values.get("why", {})
    shown = [(path, value) for path, value in leaves(recipe.values) if path[0] != "why"]
    shown.sort(key=lambda leaf: leaf[0][0] == "about")
    rows: list[tuple[Cell, Sequence[Cell]]] = []
    told: set[tuple[str, ...]] = set()
    for path, value in shown:
        for table in (path[:end] for end in range(1, len(path))):
            if table not in told and (about_table := _reason(table, reasons)):
                told.add(table)
                rows.append((Cell(safe(dotted(table))), _dim(about_table)))
        given = (Cell(safe(inline(value)), "bold"), Cell("  "), *_dim(recipe.where(path)))
        rows.append((Cell(safe(dotted(path))), given))
        if reason := _reason(path, reasons):
            rows.append((Cell(""), _dim(reason)))
    return folded(
        [Column("", least=NARROWEST), Column("", least=NARROWEST)],
        rows,
        on=on._replace(width=min(on.width or WIDEST, WIDEST)),
    )


def _dim(text: str) -> Sequence[Cell]:
    return [Cell(safe(" ".join(text.split())), "dim")]


def _reason(path: tuple[str, ...], reasons: dict[str, str]) -> str:
    """The reason given for a key, however its path is quoted there."""
    return next((why for key, why in reasons.items() if split_key(key) == path), "")
