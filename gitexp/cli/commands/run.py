"""`gitexp run RECIPE` and `gitexp run -- CMD…`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitexp.cli.execution import carry_out, print_run, watch
from gitexp.cli.table import RecipeCommand, completing, paragraphs
from gitexp.git.worktree import Survey

if TYPE_CHECKING:
    from gitexp.attempt import Checked


@click.command("run", cls=RecipeCommand)
@click.argument("words", nargs=-1, metavar="RECIPE | -- COMMAND…", shell_complete=completing("recipe"))
@click.option(
    "-s", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key; +KEY=VALUE adds one."
)
@click.option("--metric", "metrics", multiple=True, metavar="NAME=REGEX", help="A metric that the program prints.")
@click.option("--metrics", "files", multiple=True, metavar="FILE", help="A metric file that it writes, or a pattern.")
@click.option("--data", multiple=True, metavar="NAME=PATH", help="A dataset that it reads; {data.NAME} in a recipe.")
@click.option("--save", "outputs", multiple=True, metavar="PATH", help="Outputs to keep: a file, folder or pattern.")
@click.option("-m", "--message", multiple=True, callback=paragraphs, help="Why this run; kept in its commit.")
@click.option("--seed", type=int, metavar="N", help="The run's seed: {seed}, GITEXP_SEED, `seed` of the recipe.")
@click.option("--timeout", metavar="TIME", help="Stop the program after this long: 90s, 15m, 2h.")
@click.option(
    "--smoke", is_flag=True, help="Try a recipe of components on a few samples, in seconds; log leaves it out."
)
@click.option("--dry-run", is_flag=True, help="Do all checks; run and record nothing.")
@click.option("--no-verify", is_flag=True, help="Skip the hook gitexp-pre-run (it refuses dirty trees).")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON; the program's stdout goes to stderr.")
@click.pass_context
def command(
    ctx: click.Context,
    words: tuple[str, ...],
    overrides: tuple[str, ...],
    metrics: tuple[str, ...],
    files: tuple[str, ...],
    data: tuple[str, ...],
    outputs: tuple[str, ...],
    message: str,
    seed: int | None,
    timeout: str | None,
    smoke: bool,
    dry_run: bool,
    no_verify: bool,
    as_json: bool,
) -> int:
    """Check, execute and record a recipe, or any command after `--`.

    RECIPE is a name (recipes/NAME.toml or recipes/NAME/), a file or a folder. A command is run as it stands, in this
    folder. Exit code: the program's success is 0, its failure 4; 3 when the run was refused and nothing ran.

    \b
    gitexp run digits-mlp -s optimizer.lr=0.02 -m "twice the rate"
    gitexp run -- python train.py --epochs 3
    gitexp run --metric loss='loss (\\S+)' --data train=data.csv --save out/ -- python train.py
    """
    after_dashes = _stood_after_dashes(words)
    if not words:
        ctx.fail("Nothing to run: give a RECIPE, or `--` and a command.")
    if not after_dashes and len(words) > 1:
        ctx.fail("One recipe at a time, or a command behind `--` and no recipe.")
    # git looks at the tree while Python loads what comes next
    survey = Survey(Path.cwd(), records=not dry_run, runs=not dry_run)
    from gitexp.errors import before_anything_runs
    from gitexp.pipelines.run import check
    from gitexp.stages.resolve import Request, Said

    request = Request(
        cwd=Path.cwd(),
        recipe=None if after_dashes else words[0],
        command=words if after_dashes else (),
        overrides=overrides,
        said=Said(metrics, files, data, outputs),
        seed=seed,
        timeout=timeout,
        environ=os.environ,
        smoke=smoke,
    )
    with before_anything_runs():
        checked = check(request, survey=survey, verify=not no_verify, watch=watch)
    if dry_run:
        return _tell_dry_run(checked, as_json=as_json)
    if checked.recipe.made_of_components:
        from gitexp.record.batchjob import batch_job

        job = batch_job(os.environ)
        if job is not None and job.restarted:
            return _take_up(checked, job.name, message, as_json=as_json)
    return carry_out(checked, message, as_json=as_json)


def _take_up(checked: Checked, job: str, message: str | None, *, as_json: bool) -> int:
    """In a job that a scheduler has started again."""
    from gitexp.cli.opened import opened_here
    from gitexp.cli.render import safe
    from gitexp.pipelines.requeue import take_up
    from gitexp.record.runrecord import RunRecord

    with opened_here() as here:
        found = take_up(checked, job, history=here.history, reader=here.reader, watch=watch)
    if not isinstance(found, RunRecord):
        return carry_out(found, message, as_json=as_json)
    click.echo(f"{safe(found.recipe)} was completed by this job as {found.id}; nothing ran", err=True)
    if as_json:
        print_run(found.id)
    return 0


def _stood_after_dashes(words: tuple[str, ...]) -> bool:
    """Whether the words stood behind `--`, which click swallows."""
    argv = sys.argv[1:]
    return any(tuple(argv[i + 1 :]) == words for i, word in enumerate(argv) if word == "--")


def _tell_dry_run(checked: Checked, *, as_json: bool) -> int:
    from gitexp.cli.runend import dry_run_shape, tell_dry_run

    flow: tuple[str, ...] = ()
    if checked.recipe.made_of_components:
        from gitexp.cli.termination import exit_when_told
        from gitexp.pipelines.rehearse import rehearse_with

        exit_when_told()
        flow = rehearse_with(checked.recipe, checked.datasets, clone=checked.clone, smoke=checked.smoke).flow
    if not as_json:
        tell_dry_run(checked, flow)
        return 0
    from gitexp.cli.page import write_json

    write_json(dry_run=dry_run_shape(checked, flow))
    return 0
