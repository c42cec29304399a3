"""Give the branch's runs to a remote and take up the remote's: by fast-forward, else by a merge commit. Never by force.

A merge has the fetched remote tip as its first parent, the local tip as its second, and the first parent's tree.
push makes it without moving the local branch, pushes it by id, and moves the branch only once the remote has it; so a
merge that lost the race is forgotten, and unpublished merges are never stacked. Moves refs by compare-and-swap.
"""

from __future__ import annotations

import random
import time
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.branch import branch_ref, branch_tip, checked_out_in, write_root
from gitexp.git.objects import move_ref, write_commit
from gitexp.git.repo import ObjectReader, Repo, is_ancestor, output
from gitexp.git.transport import Lost, Remote, Show, fetch_branch, push_commit
from gitexp.history.walk import count_runs

TRIES = 60  # some 20 labs that push at the same moment all get their turn
PAUSES_S = (0.1, 1.0)  # the longest wait grows from one to the other: without a cap, the losers starve


class Unshareable(GitexpError):
    """The two branches cannot be joined."""


class Shared(NamedTuple):
    """What went where. Counts are of runs; `before` and `after` are commits of the branch that moved."""

    remote: Remote
    branch: str
    sent: int
    received: int
    before: str | None  # None: that branch was not there
    after: str
    waiting: int = 0  # runs that the remote has and a push, having nothing to give, left there


def push_runs(repo: Repo, remote: Remote, *, branch: str, show: Show | None = None, tries: int = TRIES) -> Shared:
    """Push the local branch. `before` and `after` are the remote's. Raises GitexpError and its kinds."""
    root = write_root(repo)
    local = _local_tip(repo, branch)
    _require_experiments(repo, local, branch=branch, root=root, where="here")
    theirs, offer = None, local  # the first try is without a fetch: mostly nobody else has pushed
    words: tuple[str, ...] = ()
    for attempt in range(tries):
        answer = push_commit(repo, remote, offer, branch=branch, show=show)
        if not isinstance(answer, Lost):
            received = count_runs(repo, include=theirs, exclude=local) if theirs else 0
            _follow(repo, branch=branch, old=local, new=offer)
            sent = count_runs(repo, include=local, exclude=answer.before) if answer.before != offer else 0
            return Shared(remote, branch, sent=sent, received=received, before=answer.before, after=offer)
        words = answer.words
        if attempt:
            time.sleep(random.uniform(PAUSES_S[0], min(PAUSES_S[1], PAUSES_S[0] * 2**attempt)))
        theirs = fetch_branch(repo, remote, branch=branch, show=show)
        local = offer = _local_tip(repo, branch)
        if theirs is None:
            continue  # somebody holds the lock of a branch that is not there yet
        _require_experiments(repo, theirs, branch=branch, root=root, where=f"on {remote.shown}")
        if is_ancestor(repo, local, theirs):
            waiting = count_runs(repo, include=theirs, exclude=local)
            return Shared(remote, branch, sent=0, received=0, before=theirs, after=theirs, waiting=waiting)
        if not is_ancestor(repo, theirs, local):
            _require_not_checked_out(repo, branch)
            offer = _merge(repo, theirs, local)
    raise GitexpError(
        f"Others were faster {tries} times in a row, so nothing was pushed to {remote.shown}",
        details=words,
        why="Your runs are safe on the local branch.",
        fix="gitexp push    again in a while",
    )


def pull_runs(repo: Repo, remote: Remote, *, branch: str, show: Show | None = None, tries: int = TRIES) -> Shared:
    """Take up the remote's runs. `before` and `after` are the local branch's. Raises as push_runs does."""
    root = write_root(repo)
    theirs = fetch_branch(repo, remote, branch=branch, show=show)
    local = branch_tip(repo, branch)
    if theirs is None:
        if local is None:
            raise GitexpError(f"There is no branch {branch}, neither here nor on {remote.shown}", fix="gitexp init")
        return Shared(remote, branch, sent=0, received=0, before=local, after=local)
    _require_experiments(repo, theirs, branch=branch, root=root, where=f"on {remote.shown}")
    words: str | None = ""
    for _ in range(tries):
        local = branch_tip(repo, branch)
        if local is not None and is_ancestor(repo, theirs, local):
            return Shared(remote, branch, sent=0, received=0, before=local, after=local)
        _require_not_checked_out(repo, branch)
        if local is None or is_ancestor(repo, local, theirs):
            new = theirs
        else:
            _require_experiments(repo, local, branch=branch, root=root, where="here")
            new = _merge(repo, theirs, local)
        words = move_ref(repo, branch_ref(branch), new=new, old=local, why=f"gitexp pull {remote.shown}")
        if words is None:
            received = count_runs(repo, include=theirs, exclude=local)
            return Shared(remote, branch, sent=0, received=received, before=local, after=new)
        time.sleep(random.uniform(0, PAUSES_S[0]))
    raise GitexpError(
        f"The branch {branch} could not be moved: it is locked, or other programs keep moving it",
        details=(words or "").splitlines(),
        why="Nothing was lost: what was fetched comes again with the next pull.",
        fix="gitexp pull",
    )


def _local_tip(repo: Repo, branch: str) -> str:
    tip = branch_tip(repo, branch)
    if tip is None:
        raise GitexpError(f"There is nothing to push: this repository has no branch {branch}", fix="gitexp init")
    return tip


def _follow(repo: Repo, *, branch: str, old: str, new: str) -> None:
    """Move the local branch to a merge that the remote has taken.

    When a run was recorded meanwhile the branch stays where it is: the next push or pull meets that merge as the
    remote's. The same goes for a lock that somebody holds.
    """
    if new != old:
        move_ref(repo, branch_ref(branch), new=new, old=old, why="gitexp push: merge")


def _require_experiments(repo: Repo, tip: str, *, branch: str, root: str, where: str) -> None:
    """Refuse a branch of the same name that is something else: only what grew from the constant root is joined."""
    if is_ancestor(repo, root, tip):
        return
    if (repo.common_dir / "shallow").exists() and _is_gitexps_own(repo, tip):
        return  # a shallow clone does not reach down to the root
    raise Unshareable(
        f"The branch {branch} {where} does not hold runs of gitexp",
        why="It did not grow from the root commit that all experiments branches share, so joining it would mix two "
        "unrelated histories.",
        fix="git config gitexp.branch ANOTHER-NAME && gitexp init",
    )


def _is_gitexps_own(repo: Repo, commit: str) -> bool:
    keys = output(repo, "rev-list", "-1", "--no-commit-header", "--format=%(trailers:keyonly)", commit, "--")
    return b"Gitexp-" in keys


def _require_not_checked_out(repo: Repo, branch: str) -> None:
    where = checked_out_in(repo, branch)
    if where is not None:
        raise GitexpError(
            f"The branch {branch} is checked out ({where})",
            why="Joining it with the remote's moves it, and the files there would no longer be its tip's.",
            fix="git switch -",
        )


def _merge(repo: Repo, theirs: str, mine: str) -> str:
    """Store the commit in which two tips meet, and return its id. No ref moves."""
    with ObjectReader(repo) as objects:
        found = objects.find(f"{theirs}^{{tree}}")
    assert found is not None, "the tip was fetched with its tree"
    runs = _plural(count_runs(repo, include=mine, exclude=theirs))
    message = f"merge: {runs} of another clone\n\nGitexp-Event: merge\n"
    return write_commit(repo, tree=found[0], parents=[theirs, mine], message=message)


def _plural(runs: int) -> str:
    return "1 run" if runs == 1 else f"{runs} runs"
