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
    from gitexp.pipelines.publish import Cleared


@click.command("push", short_help="Share the runs: push the experiments branch")
@click.argument("remote", required=False, shell_complete=completing("remote"))
@click.option("--no-objects", is_flag=True, help="Push the branch alone, not the bytes that its runs need.")
@click.option(
    "--check",
    metavar="COMMIT",
    help="Push nothing; only look for secrets and restricted data in what this commit of the branch would publish.",
)
def command(remote: str | None, no_objects: bool, check: str | None) -> int:
    """Push the experiments branch to REMOTE, a remote's name or a URL.

    Without REMOTE: `git config gitexp.remote`, else the branch's upstream, else origin, else the only remote.
    Runs that others have pushed meanwhile are merged in. Nothing is ever overwritten there.

    What would be published is looked through for secrets and restricted data first; where there are any, nothing leaves
    (exit code 3). The hook pre-push does the same for `git push`.

    Where gitexp.toml names a remote for bytes, the data and artifacts of the new runs are sent there first. What is
    not here is named and left out; where sending fails, nothing is pushed.
    """
    from gitexp.cli.opened import settled_clone
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.git.transport import choose_remote, known_there
    from gitexp.history.share import local_tip, push_runs
    from gitexp.pipelines.publish import clear

    if check is not None:
        return _check(check, remote)
    clone = settled_clone()
    repo, branch = clone.repo, clone.config.branch
    there = choose_remote(repo, remote, branch=branch, cwd=Path.cwd())
    known = known_there(repo, there, branch=branch)
    cleared: dict[str, Cleared] = {}

    def clear_once(tip: str) -> None:
        if tip not in cleared:
            cleared[tip] = clear(clone, tip, there=known, watch=ProgressBar)
            for line in cleared[tip].words:
                click.echo(safe(line), err=True)

    tip = local_tip(repo, branch)
    clear_once(tip)
    commits = cleared[tip].runs
    if commits and clone.config.remotes and not no_objects and not _send_objects(clone, commits):
        raise GitexpError(
            "Nothing was pushed, because the bytes that the runs need could not all be sent",
            fix="gitexp push    again, or gitexp push --no-objects",
        )
    done = push_runs(repo, there, branch=branch, clear=clear_once, show=show if sys.stderr.isatty() else None)
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


def _check(commit: str, remote: str | None) -> int:
    """Look at what a commit would publish, and say how much that is."""
    from gitexp.cli.progressbar import ProgressBar
    from gitexp.clone import open_clone
    from gitexp.errors import UsageError, counted
    from gitexp.git.repo import revision
    from gitexp.git.transport import choose_remote, known_there
    from gitexp.pipelines.publish import clear
    from gitexp.pipelines.scan import means

    clone = open_clone()
    tip, branch = revision(clone.repo, commit), clone.config.branch
    if tip is None:
        raise UsageError(f"{commit} is no commit of this repository")
    there = choose_remote(clone.repo, remote, branch=branch, cwd=Path.cwd())
    cleared = clear(clone, tip, there=known_there(clone.repo, there, branch=branch), watch=ProgressBar)
    for line in cleared.words:
        click.echo(safe(line), err=True)
    new = f"{counted(cleared.commits, 'commit')} with {counted(cleared.files, 'new file')}"
    click.echo(f"free to go to {safe(there.shown)}: {new} ({means(clone.config.policy.secrets)})")
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
