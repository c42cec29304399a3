"""`gitexp push`: the local branch's runs, given to a remote."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitexp.cli.render import safe
from gitexp.cli.table import completing
from gitexp.errors import GitexpError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitexp.clone import Clone


@click.command("push", short_help="Share the runs: push the experiments branch")
@click.argument("remote", required=False, shell_complete=completing("remote"))
@click.option("--no-objects", is_flag=True, help="Push the branch alone, not the bytes that its runs need.")
def command(remote: str | None, no_objects: bool) -> int:
    """Push the experiments branch to REMOTE, a remote's name or a URL.

    Without REMOTE: `git config gitexp.remote`, else the branch's upstream, else origin, else the only remote.
    Runs that others have pushed meanwhile are merged in. Nothing is ever overwritten there.

    Where gitexp.toml names a remote for bytes, the data and artifacts of the new runs are sent there first. What is
    not here is named and left out; where sending fails, nothing is pushed.
    """
    from gitexp.cli.opened import settled_clone
    from gitexp.git.transport import choose_remote
    from gitexp.history.share import push_runs
    from gitexp.pipelines.confine import check_published
    from gitexp.pipelines.send import new_runs

    clone = settled_clone()
    repo, branch = clone.repo, clone.config.branch
    there = choose_remote(repo, remote, branch=branch, cwd=Path.cwd())
    commits = new_runs(repo, branch=branch, known=there.tracking_ref(branch))
    looked = check_published(clone, commits) if commits else None  # refuses to publish restricted data as code
    for line in looked.words if looked is not None else ():
        click.echo(safe(line), err=True)
    if commits and clone.config.remotes and not no_objects and not _send_objects(clone, commits):
        raise GitexpError(
            "Nothing was pushed, because the bytes that the runs need could not all be sent",
            fix="gitexp push    again, or gitexp push --no-objects",
        )
    done = push_runs(repo, there, branch=branch, show=show if sys.stderr.isatty() else None)
    name = safe(there.shown)
    if done.waiting:
        click.echo(f"nothing to push; {name} has {done.waiting.words} more: gitexp pull", err=True)
    elif done.before == done.after:
        click.echo(f"already up to date with {name}", err=True)
    else:
        taken = f" and took up {done.received.words}" if any(done.received) else ""
        moved = span(safe(branch), done.before, done.after)
        click.echo(f"pushed {done.sent.words} to {name}{taken} ({moved})", err=True)
    return 0


def _send_objects(clone: Clone, commits: Sequence[str]) -> bool:
    """Send what the runs need that the remote's branch, as last seen, does not have."""
    from gitexp.cli.commands.data.push import tell
    from gitexp.cli.progressbar import ObjectsBar
    from gitexp.pipelines.send import choose_remote, send_runs

    sent = send_runs(clone, commits, remote=choose_remote(clone.config, None), watch=ObjectsBar)
    if sent.sent or sent.failures or sent.absent or sent.withheld:
        tell(sent)
    return not sent.failures


def show(piece: bytes) -> None:
    """Hand on what git says, and through it the server: lines, and progress that writes over itself."""
    lines = piece.decode("utf-8", "surrogateescape").split("\n")
    text = "\n".join("\r".join(map(safe, line.split("\r"))) for line in lines)
    sys.stderr.buffer.write(text.encode())
    sys.stderr.buffer.flush()


def span(branch: str, before: str | None, after: str) -> str:
    """How a branch moved, as git writes it: `experiments a1b2c3d..d4e5f6a`."""
    return f"{branch} {before[:7]}..{after[:7]}" if before else f"new branch {branch} {after[:7]}"
