"""`gitexp pull`: a remote's runs, taken up into the local branch."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gitexp.cli.commands.push import show, span
from gitexp.cli.render import safe
from gitexp.cli.table import completing
from gitexp.errors import GitexpError

SHOWN = 10  # objects that are missing


@click.command("pull", short_help="Receive the runs of others")
@click.argument("remote", required=False, shell_complete=completing("remote"))
def command(remote: str | None) -> int:
    """Fetch the experiments branch of REMOTE, a remote's name or a URL, and take up its runs.

    Without REMOTE: `git config gitexp.remote`, else the branch's upstream, else origin, else the only remote.
    Your own runs stay; where both sides have new ones, the branches meet in a merge commit.
    """
    from gitexp.cli.opened import settled_clone
    from gitexp.git.transport import choose_remote
    from gitexp.history.share import pull_runs

    clone = settled_clone()
    repo, branch = clone.repo, clone.config.branch
    there = choose_remote(repo, remote, branch=branch, cwd=Path.cwd())
    done = pull_runs(repo, there, branch=branch, show=show if sys.stderr.isatty() else None)
    name = safe(there.shown)
    if done.healed:
        click.echo(f"{safe(branch)} was damaged here; what was missing came from {name}", err=True)
    if done.lacking:
        raise GitexpError(
            f"{branch} is damaged here, and {there.shown} does not have what is missing",
            details=done.lacking[:SHOWN],
            fix="gitexp pull REMOTE    from another that may have it",
        )
    if done.vanished:
        click.echo(f"{name} has no branch {safe(branch)} any more; what it had is here: gitexp push", err=True)
    elif done.before == done.after:
        click.echo(f"already up to date with {name}", err=True)
    else:
        moved = span(safe(branch), done.before, done.after)
        click.echo(f"pulled {done.received.words} from {name} ({moved})", err=True)
    return 0
