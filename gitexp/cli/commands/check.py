"""`gitexp check RECIPE`: print what a recipe resolves to; with --explain, where each value comes from and why."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from gitexp.cli.render import safe
from gitexp.cli.table import RecipeCommand, completing
from gitexp.clone import Clone, open_clone
from gitexp.model.recipe import Recipe, leaves
from gitexp.model.schema import dotted, inline, split_key
from gitexp.stages.check import tables_that_may_be_meant
from gitexp.stages.resolve import resolve

GAP = "  "
NARROWEST_VALUE = 16  # columns, however narrow the terminal


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
    resolved = resolve(
        root=clone.repo.root,
        cwd=cwd,
        recipe=recipe,
        overrides=overrides,
        seed=seed,
        timeout=None,
        config=clone.config,
    )
    for words in tables_that_may_be_meant(resolved):
        click.echo(f"warning: {safe(words)}", err=True)
    if resolved.made_of_components:
        resolved = _rehearsed(resolved, clone)
    if explain:
        for line in explained(resolved, columns=shutil.get_terminal_size().columns):
            click.echo(line)
    else:
        click.echo(safe(resolved.text, lines="kept"), nl=False)
    return 0


def _rehearsed(recipe: Recipe, clone: Clone) -> Recipe:
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.cli.stopping import exit_when_told
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


def explained(recipe: Recipe, *, columns: int) -> Iterator[str]:
    """Lines of `key  value  origin`, each key's reason below it. [about] comes last: it is long, and sets nothing."""
    reasons = recipe.values.get("why", {})
    shown = [(path, value) for path, value in leaves(recipe.values) if path[0] != "why"]
    shown.sort(key=lambda leaf: leaf[0][0] == "about")
    rows = [(dotted(path), inline(value), recipe.where(path), _reason(path, reasons)) for path, value in shown]
    tables = {path[:end] for path, _ in shown for end in range(1, len(path))}
    width = min(columns, 120)
    key_columns = min(max((len(key) for key, *_ in rows), default=0), width // 2)
    origin_columns = max((len(origin) for _, _, origin, _ in rows), default=0)
    value_columns = width - key_columns - origin_columns - 2 * len(GAP)
    told: set[str] = set()
    for (path, _), (key, value, origin, reason) in zip(shown, rows, strict=True):
        for table in sorted((path[:end] for end in range(1, len(path))), key=len):
            about_table = _reason(table, reasons) if table in tables else ""
            if about_table and dotted(table) not in told:
                told.add(dotted(table))
                yield safe(dotted(table))
                yield from _wrapped(about_table, width)
        yield from _row(key, value, origin, key_columns, value_columns, width)
        yield from _wrapped(reason, width)


def _row(key: str, value: str, origin: str, key_columns: int, value_columns: int, width: int) -> Iterator[str]:
    head, value, origin = safe(key).ljust(key_columns) + GAP, safe(value), safe(origin)
    indent = " " * key_columns + GAP
    if len(head) > len(indent):  # a very long key has the line to itself
        yield head.rstrip()
        head = indent
    if len(value) <= value_columns:
        yield head + value.ljust(value_columns) + GAP + click.style(origin, dim=True)
        return
    room = max(width - len(indent), NARROWEST_VALUE)
    for line in textwrap.wrap(value, room, break_on_hyphens=False) or [""]:
        yield head + line
        head = indent
    yield " " * max(len(indent) + value_columns + len(GAP), 0) + click.style(origin, dim=True)


def _wrapped(reason: str, width: int) -> Iterator[str]:
    for line in textwrap.wrap(safe(" ".join(reason.split())), width - 4, break_on_hyphens=False):
        yield "    " + click.style(line, dim=True)


def _reason(path: tuple[str, ...], reasons: dict[str, str]) -> str:
    """The reason given for a key, however its path is quoted there."""
    return next((why for key, why in reasons.items() if split_key(key) == path), "")
