"""`gitexp drop`: a run that nobody else has yet, or a commit that is none, taken off the branch."""

from __future__ import annotations

import shlex

import click

from gitexp.cli.opened import opened_here
from gitexp.cli.render import safe
from gitexp.cli.table import completing
from gitexp.errors import GitexpError, counted
from gitexp.git.append import DROPPED
from gitexp.git.standing import branch_ref
from gitexp.history.select import UnknownRun


@click.command("drop")
@click.argument("run", shell_complete=completing("run"))
def command(run: str) -> int:
    """Take RUN, with all its attempts and what was said of it, off the experiments branch of this clone.

    RUN may be a commit of the branch that is none, too: something that was said (`gitexp note` and the like print
    its commit), or what somebody committed by hand.

    Only as long as no remote and no bundle has it, and it came about here: what is shared is retracted instead
    (`gitexp retract`).
    What was recorded after it is written once more as it was, with other commit ids. Its commits stay in the reflog
    until git removes them: what is printed brings the run back, or erases it now, which a secret in it asks for. Then
    change that secret all the same.
    """
    from gitexp.git.repo import is_ancestor, ref_id, revision
    from gitexp.stages.drop import drop, drop_commit

    with opened_here() as here:
        try:
            row = here.history.select(run)
        except UnknownRun:
            commit, branch = revision(here.repo, run), here.config.branch
            tip = ref_id(here.repo, branch_ref(branch))
            if commit is None or tip is None:
                raise
            if not is_ancestor(here.repo, commit, tip):
                raise GitexpError(
                    f"{run} is the commit {commit[:10]}, which is not on {branch}",
                    why="What came after something that was dropped is there under another id.",
                    fix=f"git log --oneline {shlex.quote(branch)} --    lists them",
                ) from None
            done = drop_commit(here.clone, commit)
        else:
            done = drop(here.clone, here.history.runs.with_id(row.id) or [row])
    ref = shlex.quote(branch_ref(here.config.branch))
    also = f" and {counted(done.events, 'event')}" if done.events else ""
    later = counted(done.rewritten, "commit after it has a new id", "commits after it have new ids")
    again = f"; {later}" if done.rewritten else ""
    click.echo(safe(f"dropped {done.what}{also}{again}"), err=True)
    if done.unsigned:
        click.echo(
            f"warning: {counted(done.unsigned, 'commit')} of them lost a signature: nothing is signed now", err=True
        )
    for name in done.elsewhere:
        click.echo(safe(f"warning: {name} has it all the same"), err=True)
    click.echo(f"back       git update-ref -m '{DROPPED}taken back' {ref} {done.before} {done.after}", err=True)
    click.echo(
        f"for good   git reflog expire --expire-unreachable=now {ref} && git gc --prune=now && gitexp data gc", err=True
    )
    return 0
