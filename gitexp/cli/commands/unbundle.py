"""`gitexp unbundle`: runs that another lab wrote to a file, taken up into the local branch."""

from __future__ import annotations

import os
from pathlib import Path

import click

from gitexp.cli.commands.push import span
from gitexp.cli.render import safe
from gitexp.errors import UsageError


@click.command("unbundle", short_help="Take up the runs of a file that gitexp bundle wrote")
@click.argument("file")
@click.option(
    "--as",
    "name",
    metavar="LAB",
    help="Remember what that lab has, as of a remote: LAB/latest, gitexp bundle --since LAB.",
)
def command(file: str, name: str | None) -> int:
    """Take up the runs of FILE, which `gitexp bundle` wrote in another lab.

    Your own runs stay; where both sides have new ones, the branches meet in a merge commit. Of FILE only the
    experiments branch is taken, and only if it grew from the root that all such branches share. Where it builds on
    commits that are not here, they are named and nothing is taken up.
    """
    from gitexp.cli.opened import settled_clone
    from gitexp.pipelines.carry import unbundle
    from gitexp.spec.config import is_branch_name

    if name is not None and not is_branch_name(name):
        raise UsageError(f"git takes {name} for no name of a remote")
    clone = settled_clone()
    done = unbundle(clone, Path(os.path.normpath(Path.cwd() / file)), name=name)
    shared = done.shared
    if shared.before == shared.after:
        click.echo(f"already has all that is in {safe(file)}", err=True)
    else:
        moved = span(safe(shared.branch), shared.before, shared.after)
        click.echo(f"took up {shared.received.words} of {safe(file)} ({moved})", err=True)
    if done.left_out:
        click.echo(f"note: {done.left_out}", err=True)
    return 0
