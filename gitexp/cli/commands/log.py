"""`gitexp log`: the runs, newest first."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from gitexp.cli.opened import Opened, opened_here
from gitexp.cli.page import show, write, write_json
from gitexp.cli.render import safe, screen
from gitexp.cli.runtable import run_table, summarise_recipes, summary_table
from gitexp.cli.table import completing
from gitexp.errors import GitexpError
from gitexp.history.row import Row
from gitexp.record.runrecord import STATUSES

SHOWN_RUNS = 20


@click.command("log")
@click.option("-n", "count", type=click.IntRange(min=0), metavar="N", help=f"Show N runs (default {SHOWN_RUNS}).")
@click.option("--recipe", metavar="NAME", shell_complete=completing("recipe"), help="Only runs of this recipe.")
@click.option("--status", type=click.Choice([*STATUSES, "unreadable"]), help="Only runs that ended like this.")
@click.option(
    "--sort", metavar="METRIC", shell_complete=completing("metric"), help="Best first by this metric, by its goal."
)
@click.option("--all", "smoke_too", is_flag=True, help="Smoke runs too; every run unless -n is given.")
@click.option("--summary", is_flag=True, help="Runs, failure rate and compute time by recipe.")
@click.option("--json", "as_json", is_flag=True, help="Print the runs as JSON, all of them unless -n is given.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the runs as CSV, all of them unless -n is given.")
def command(
    count: int | None,
    recipe: str | None,
    status: str | None,
    sort: str | None,
    smoke_too: bool,
    summary: bool,
    as_json: bool,
    as_csv: bool,
) -> int:
    """List the runs, newest first, with what changed against the run before it of the same recipe.

    The best value of each metric that has a goal is marked with `*`, recipe by recipe, among the runs chosen. Slices
    of a metric, like `val.acc[digit=3]`, are in --json and --csv.

    \b
    gitexp log --recipe digits-mlp --sort val.acc -n 5
    gitexp log --summary
    """
    with opened_here() as here:
        everything = here.history.runs.all()
        if here.history.runs.cut_off():
            click.echo("warning: this clone is shallow, so older runs are not here: git fetch --unshallow", err=True)
        if not everything and not as_json and not as_csv:
            raise here.history.no_runs()
        rows = [
            row
            for row in everything
            if (smoke_too or row.kind != "smoke")
            and (recipe is None or row.recipe == recipe)
            and (status is None or row.status == status)
        ]
        if sort is not None:
            rows = sorted_by(here, rows, sort, recipe=recipe)
        limit = len(rows) if count is None and (smoke_too or as_json or as_csv) else count
        chosen = rows[: SHOWN_RUNS if limit is None else limit]
        if summary:
            if as_json:
                write_json(recipes=[{"recipe": name, **figures} for name, figures in summarise_recipes(rows).items()])
            else:
                write(summary_table(rows, on=screen(here.repo.settings), now=time.time()))
        elif as_json:
            _write_json(here, chosen)
        elif as_csv:
            from gitexp.cli.shapes import csv_table

            write(csv_table(chosen))
        else:
            _show(here, rows, chosen, sort=sort, everything=everything)
    return 0


def sorted_by(here: Opened, rows: Sequence[Row], metric: str, *, recipe: str | None) -> list[Row]:
    """The rows that have the metric, best first, NaN last; then those without it. Raises GitexpError without a goal."""
    if not any(metric in row.metrics for row in rows):
        names = sorted({name for row in rows[:1000] for name in row.metrics})[:12]
        hint = f"metrics there are: {', '.join(names)}" if names else "none of these runs has a metric"
        raise GitexpError(f"None of these runs has a metric {metric!r}", details=[hint])
    sign = 1 if here.history.goal(metric, recipe=recipe) == "max" else -1

    def worth(row: Row) -> tuple[int, float]:
        value = row.metrics.get(metric)
        if value is None:
            return (0, 0.0)
        return (2, sign * value) if value == value else (1, 0.0)

    return sorted(rows, key=worth, reverse=True)


def _show(
    here: Opened, rows: Sequence[Row], chosen: Sequence[Row], *, sort: str | None, everything: Sequence[Row]
) -> None:
    if not rows:
        names = sorted({row.recipe for row in everything})[:12]
        click.echo(f"No run fits; recipes there are: {safe(', '.join(names))}", err=True)
        return
    show(lambda on: run_table(here, rows, chosen, sort=sort, on=on, now=time.time()), repo=here.repo)
    if len(rows) > len(chosen):
        click.echo(f"{len(chosen)} of {len(rows)} runs; -n {len(rows)} shows all of them", err=True)


def _write_json(here: Opened, chosen: Sequence[Row]) -> None:
    from gitexp.cli.shapes import run_shape, unreadable_shape
    from gitexp.history.read import OUTCOME, read_run

    shapes = [
        run_shape(read_run(here.reader, row.commit, parts=OUTCOME), row)
        if row.problem is None
        else unreadable_shape(row)
        for row in chosen
    ]
    write_json(runs=shapes)
