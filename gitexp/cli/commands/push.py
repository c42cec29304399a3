"""`gitexp push`: the local branch's runs, given to a remote."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gitexp.cli.render import safe


@click.command("push", short_help="Share the runs: push the experiments branch")
@click.argument("remote", required=False)
def command(remote: str | None) -> int:
    """Push the experiments branch to REMOTE, a remote's name or a URL.

    Without REMOTE: `git config gitexp.remote`, else the branch's upstream, else origin, else the only remote.
    Runs that others have pushed meanwhile are merged in. Nothing is ever overwritten there.
    """
    from gitexp.cli.opened import settle_what_waits
    from gitexp.git.repo import find_repo, git_config
    from gitexp.git.transport import choose_remote
    from gitexp.stages.configure import read_config
    from gitexp.stages.share import push_runs

    cwd = Path.cwd()
    repo = find_repo(cwd)
    settings = git_config(repo)
    settle_what_waits(repo, settings)
    branch = read_config(repo, settings).branch
    there = choose_remote(settings, remote, branch=branch, cwd=cwd)
    done = push_runs(repo, there, branch=branch, show=show if sys.stderr.isatty() else None)
    name = safe(there.shown)
    if done.waiting:
        click.echo(f"nothing to push; {name} has {runs(done.waiting)} more: gitexp pull", err=True)
    elif done.before == done.after:
        click.echo(f"already up to date with {name}", err=True)
    else:
        taken = f" and took up {done.received}" if done.received else ""
        moved = span(safe(branch), done.before, done.after)
        click.echo(f"pushed {runs(done.sent)} to {name}{taken} ({moved})", err=True)
    return 0


def show(piece: bytes) -> None:
    """Hand git's own progress on to the terminal."""
    sys.stderr.buffer.write(piece)
    sys.stderr.buffer.flush()


def runs(count: int) -> str:
    """`1 run`, `3 runs`."""
    return "1 run" if count == 1 else f"{count} runs"


def span(branch: str, before: str | None, after: str) -> str:
    """How a branch moved, as git writes it: `experiments a1b2c3d..d4e5f6a`."""
    return f"{branch} {before[:7]}..{after[:7]}" if before else f"new branch {branch} {after[:7]}"
