"""`gitexp run RECIPE` and `gitexp run -- CMD…`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitexp.git.worktree import Survey

if TYPE_CHECKING:
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.pipelines.run import Checked, Done
    from gitexp.stages.execute import Screen
    from gitexp.stages.submit import Submitted

EXIT_DEFECTS, EXIT_PROGRAM_FAILED = 1, 4


class RunCommand(click.Command):
    """Knows the commonest slip: a program with options of its own, and no `--` before it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = list(args)  # click takes them out as it parses
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if "--" in words or error.possibilities:
                raise
            hint = "If it is your program's: gitexp run -- COMMAND…"
            raise click.UsageError(f"{error.format_message()} {hint}", ctx) from error


@click.command("run", cls=RunCommand)
@click.argument("words", nargs=-1, metavar="RECIPE | -- COMMAND…")
@click.option(
    "-s", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key; +KEY=VALUE adds one."
)
@click.option("-m", "--message", help="Why this run; kept in its commit.")
@click.option("--seed", type=int, metavar="N", help="The run's seed: {seed}, GITEXP_SEED, `seed` of the recipe.")
@click.option("--timeout", metavar="TIME", help="Stop the program after this long: 90s, 15m, 2h.")
@click.option("--dry-run", is_flag=True, help="Do all checks; run and record nothing.")
@click.option("--no-verify", is_flag=True, help="Skip the hook gitexp-pre-run (it refuses dirty trees).")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON; the program's stdout goes to stderr.")
@click.pass_context
def command(
    ctx: click.Context,
    words: tuple[str, ...],
    overrides: tuple[str, ...],
    message: str | None,
    seed: int | None,
    timeout: str | None,
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
    """
    after_dashes = _stood_after_dashes(words)
    if not words:
        ctx.fail("Nothing to run: give a RECIPE, or `--` and a command.")
    if not after_dashes and len(words) > 1:
        import shlex

        ctx.fail(f"One recipe at a time. To run a command: gitexp run -- {shlex.join(words)}")
    survey = Survey(Path.cwd())  # git looks at the tree while Python loads what comes next
    from gitexp.pipelines.run import Request, check

    request = Request(
        cwd=Path.cwd(),
        recipe=None if after_dashes else words[0],
        command=words if after_dashes else (),
        overrides=overrides,
        seed=seed,
        timeout=timeout,
    )
    checked = check(request, survey=survey, verify=not no_verify, watch=_watch)
    if dry_run:
        return _tell_dry_run(checked, as_json=as_json)
    done = _execute(checked, message, stdout_fd=2 if as_json else 1)
    if as_json:
        _print_json(done)
    return _exit_code(done)


def _watch(what: str) -> ProgressBar:
    from gitexp.cli.progressbar import ProgressBar

    return ProgressBar(what)


def _stood_after_dashes(words: tuple[str, ...]) -> bool:
    """Whether the words stood behind `--`, which click swallows."""
    argv = sys.argv[1:]
    return any(tuple(argv[i + 1 :]) == words for i, word in enumerate(argv) if word == "--")


def _execute(checked: Checked, message: str | None, *, stdout_fd: int) -> Done:
    from gitexp.cli.streams import streams_for, terminal_of
    from gitexp.pipelines.run import run

    for said in checked.said:
        click.echo(said, err=True)
    streams = streams_for(stdout_fd=stdout_fd)
    terminal = terminal_of(stdin=streams.stdin, stdout=streams.stdout, stdout_fd=stdout_fd)

    def screen(submitted: Submitted) -> Screen:
        from gitexp.cli.live import LiveScreen, PlainScreen

        if streams.stdout == "terminal":
            return LiveScreen(folder=str(submitted.folder), name=checked.recipe.name, stdout_fd=stdout_fd)
        return PlainScreen(stdout_fd=stdout_fd, stderr_fd=2)

    done = run(checked, message=message, streams=streams, terminal=terminal, screen=screen)
    from gitexp.cli.runend import tell

    tell(done)
    return done


def _tell_dry_run(checked: Checked, *, as_json: bool) -> int:
    from gitexp.cli.runend import dry_run_shape, tell_dry_run

    if not as_json:
        tell_dry_run(checked)
        return 0
    from gitexp.cli.page import write
    from gitexp.cli.shapes import document

    write(document(dry_run=dry_run_shape(checked)))
    return 0


def _print_json(done: Done) -> None:
    from gitexp.cli.opened import opened_here
    from gitexp.cli.page import write
    from gitexp.cli.shapes import document, whole_run_shape
    from gitexp.history.read import read_run

    with opened_here() as here:
        row = here.history.select(done.recorded.commit)
        write(document(run=whole_run_shape(read_run(here.reader, row.commit), row)))


def _exit_code(done: Done) -> int:
    run = done.recorded.record
    if run.status == "completed":
        return EXIT_DEFECTS if run.defects else 0
    if run.status == "interrupted":
        return 130 if run.stopped_by == "SIGINT" else 143
    return EXIT_PROGRAM_FAILED
