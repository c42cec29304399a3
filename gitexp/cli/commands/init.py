"""`gitexp init`."""

from __future__ import annotations

from pathlib import Path

import click

from gitexp.cli.opened import warn
from gitexp.cli.render import safe
from gitexp.pipelines.init import init


@click.command("init")
def command() -> int:
    """Set up gitexp in this repository. Doing it again changes nothing.

    Writes a commented gitexp.toml, installs the git hooks beside those that are there, and starts the branch that runs
    are recorded on, or takes up the one that a remote has.
    """
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
