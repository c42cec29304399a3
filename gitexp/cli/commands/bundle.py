"""`gitexp bundle`: the branch's runs, written to a file."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitexp.cli.render import safe
from gitexp.cli.table import completing
from gitexp.errors import GitexpError

if TYPE_CHECKING:
    from gitexp.cli.opened import Opened
    from gitexp.git.repo import Repo
    from gitexp.git.transport import There


@click.command("bundle", short_help="Write the runs to a file, for a lab without a network to this one")
@click.argument("file")
@click.option(
    "--since",
    metavar="WHAT",
    shell_complete=completing("run"),
    help="What the other lab has: a RUN, a commit of the branch, or a remote or lab as it was last heard of.",
)
def command(file: str, since: str | None) -> int:
    """Write the experiments branch to FILE, which `gitexp unbundle` takes up in another lab.

    With --since only what is new after it is written; the other lab must have that. Secrets and restricted data are
    looked for as before a push. Bytes of data and artifacts that git does not hold are not in FILE; what is said of
    them names the way that they go.
    """
    from gitexp.cli.commands.push import span
    from gitexp.cli.opened import opened_here
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.cli.render import size
    from gitexp.git.transport import There
    from gitexp.pipelines.carry import bundle

    path = Path(os.path.normpath(Path.cwd() / file))
    with opened_here() as here:
        there = There(None) if since is None else _there(here, since)
        done = bundle(here.clone, path, there=there, watch=ProgressBar)
        in_the_way = _is_a_change(here.repo, path.resolve())
    for line in done.cleared.words:
        click.echo(safe(line), err=True)
    moved = span(safe(here.config.branch), there.tip, done.tip)
    click.echo(f"wrote {done.new.words} to {safe(file)} ({moved}, {size(path.stat().st_size)})", err=True)
    if in_the_way:
        click.echo(f"note: {safe(file)} lies in the working tree: runs are refused until it is elsewhere", err=True)
    if done.left_out:
        click.echo(f"note: {done.left_out}", err=True)
    click.echo(
        f"there:  gitexp unbundle {safe(shlex.quote(path.name))}    next time, here:  --since {done.tip[:12]}", err=True
    )
    return 0


def _is_a_change(repo: Repo, path: Path) -> bool:
    """Whether the file makes the working tree dirty."""
    from gitexp.git.repo import output

    listing = ("--literal-pathspecs", "ls-files", "--others", "--exclude-standard", "--", str(path))
    return path.is_relative_to(repo.root) and output(repo, *listing) != b""


def _there(here: Opened, since: str) -> There:
    """What the other lab has. Raises GitexpError where nobody here knows it."""
    from gitexp.git.repo import is_ancestor, revision
    from gitexp.git.standing import branch_ref
    from gitexp.git.transport import Remote, There, known_there
    from gitexp.history.select import UnknownRun

    if since in here.history.tips:
        return known_there(here.repo, Remote(since, since), branch=here.config.branch)
    commit = revision(here.repo, since)
    try:
        commit = commit if re.fullmatch(r"[0-9a-f]{7,64}", since) else here.history.select(since).commit
    except UnknownRun:
        if commit is None:
            raise
    if commit is None or not is_ancestor(here.repo, commit, branch_ref(here.config.branch)):
        raise GitexpError(
            f"{since} is no commit of {here.config.branch} in this clone",
            why="Where the other lab has runs that are not here, a bundle of theirs brings them; then its tip will do.",
            fix="gitexp bundle FILE --since RUN    with one that both have, or without --since",
        )
    return There(commit, (commit,))
