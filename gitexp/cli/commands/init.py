"""`gitexp init`."""

from __future__ import annotations

from pathlib import Path

import click

from gitexp.cli.opened import warn
from gitexp.cli.render import safe
from gitexp.pipelines.init import init, init_server


@click.command("init")
@click.option("--outputs", is_flag=True, help="Name in gitexp.toml what the latest run left lying, as outputs to keep.")
@click.option(
    "--server",
    metavar="PATH",
    help="Install the hook that guards the branch in this bare repository, and do nothing else; -: print the hook.",
)
def command(outputs: bool, server: str | None) -> int:
    """Set up gitexp in this repository. Doing it again changes nothing.

    Writes a commented gitexp.toml, installs the git hooks beside those that are there, and starts the branch that runs
    are recorded on, or takes up the one that a remote has.

    A server needs no gitexp: --server installs a pre-receive hook of plain sh where others push to.
    """
    if server is not None:
        return _guard_server(server)
    if outputs:
        return _keep_outputs()
    done = init(Path.cwd())
    if done.wrote_config:
        click.echo("wrote      gitexp.toml")
    for text in done.hooks.lines:
        click.echo(safe(text))
    click.echo(f"branch     {safe(done.branch)} at {done.tip[:7]}, {safe(done.origin or 'as it was')}")
    for warning in done.warnings:
        warn(warning)
    if done.wrote_config:
        click.echo('next       git add gitexp.toml && git commit -m "Set up gitexp"', err=True)
    click.echo("then       gitexp run -- COMMAND    or    gitexp run RECIPE", err=True)
    return 0


def _guard_server(path: str) -> int:
    from gitexp.git.hooks import SERVER, shipped

    if path == "-":
        click.echo(shipped(SERVER), nl=False)
        return 0
    hooks, branch = init_server(Path(path))
    for text in hooks.lines:
        click.echo(safe(text))
    if not hooks.missing_calls:
        click.echo(f"guarded    {safe(branch)}: it takes whole runs, events and merges, and only grows")
    return 0


def _keep_outputs() -> int:
    from math import inf

    from gitexp.capture.whose import LATE_S
    from gitexp.cli.opened import opened_here
    from gitexp.history.read import read_run
    from gitexp.pipelines.init import keep_outputs
    from gitexp.text.schema import inline

    with opened_here() as here:
        run = read_run(here.reader, here.history.select("latest").commit).record
        since, until, cwd = 0.0, inf, "."
        if run is not None:
            since, until, cwd = run.started.timestamp(), run.finished.timestamp() + LATE_S, run.cwd
        named = keep_outputs(here.repo, since=since, until=until, cwd=cwd)
    if not named:
        click.echo("nothing that the latest run wrote lies in the way; gitexp.toml is as it was")
        return 0
    click.echo(f"wrote      gitexp.toml: [run] outputs = {safe(inline(list(named)))}")
    click.echo('next       git add gitexp.toml && git commit -m "Keep what runs write"', err=True)
    return 0
