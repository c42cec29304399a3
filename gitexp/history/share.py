"""Give the branch's runs to a remote and take up the remote's: by fast-forward, else by a merge commit. Never by force.

A merge has the fetched remote tip as its first parent, the local tip as its second, and the first parent's tree.
push makes it without moving the local branch, pushes it by id, and moves the branch only once the remote has it; so a
merge that lost the race is forgotten, and unpublished merges are never stacked. Moves refs by compare-and-swap.
"""

from __future__ import annotations

import random
import time
from datetime import datetime
from typing import NamedTuple

from gitexp.errors import GitexpError, counted
from gitexp.git.branch import require_not_checked_out
from gitexp.git.damage import Checkup, damaged, restore_ref
from gitexp.git.gc import Keeper, gc_runs, pack_new
from gitexp.git.objectreader import ObjectReader
from gitexp.git.objects import move_ref, sync_objects, write_commit
from gitexp.git.repo import BranchDamaged, GitFailed, Repo, is_ancestor, revision
from gitexp.git.standing import ANOTHER, Look, branch_ref, move_failed, require_grown
from gitexp.git.transport import (
    Lost,
    Remote,
    Show,
    TransportFailed,
    branch_in_the_way,
    fetch_branch,
    fetch_whole,
    push_commit,
    reason,
)
from gitexp.history.cache import forget_cache
from gitexp.history.walk import count_runs

_JOINING = "Joining it with the remote's moves it"
REFUSALS = 5  # of a branch that is not there yet: by then it is no race that was lost
TRIES = 60  # some 20 labs that push at the same moment all get their turn
PAUSES_S = (0.1, 1.0)  # the longest wait grows from one to the other: without a cap, the losers starve


class Shared(NamedTuple):
    """What went where. Counts are of runs; `before` and `after` are commits of the branch that moved."""

    remote: Remote
    branch: str
    sent: int
    received: int
    before: str | None  # None: that branch was not there
    after: str
    waiting: int = 0  # runs that the remote has and a push, having nothing to give, left there
    healed: bool = False  # the branch was damaged here, and is whole again
    lacking: tuple[str, ...] = ()  # those that did not, in words


def push_runs(repo: Repo, remote: Remote, *, branch: str, show: Show | None = None, tries: int = TRIES) -> Shared:
    """Push the local branch. `before` and `after` are the remote's. Raises GitexpError and its kinds."""
    local = _local_tip(repo, branch)
    theirs, offer = None, local  # the first try is without a fetch: mostly nobody else has pushed
    lost: Lost | None = None
    for attempt in range(tries):
        try:
            answer = push_commit(repo, remote, offer, branch=branch, show=show)
        except TransportFailed as error:
            if lacking := Checkup(repo, branch_ref(branch)).finish():
                raise damaged(repo, branch_ref(branch), lacking) from error
            raise
        if not isinstance(answer, Lost):
            received = count_runs(repo, include=theirs, exclude=local) if theirs else 0
            _follow(repo, branch=branch, old=local, new=offer)
            sent = count_runs(repo, include=local, exclude=answer.before) if answer.before != offer else 0
            return Shared(remote, branch, sent=sent, received=received, before=answer.before, after=offer)
        lost = answer
        if attempt:
            time.sleep(random.uniform(PAUSES_S[0], min(PAUSES_S[1], PAUSES_S[0] * 2**attempt)))
        theirs = fetch_branch(repo, remote, branch=branch, show=show)
        local = offer = _local_tip(repo, branch)
        if theirs is None:
            _require_room(repo, remote, answer, branch=branch, attempt=attempt)
            continue  # somebody holds the lock of a branch that is not there yet
        require_grown(repo, branch_ref(branch), theirs, where=f"on {remote.shown}")
        if is_ancestor(repo, local, theirs):
            waiting = count_runs(repo, include=theirs, exclude=local)
            return Shared(remote, branch, sent=0, received=0, before=theirs, after=theirs, waiting=waiting)
        if not is_ancestor(repo, theirs, local):
            require_not_checked_out(repo, branch, why=_JOINING)
            offer = _merge(repo, theirs, local).write()
    words = lost.words if lost else ()
    held = any("Unable to create" in text for text in words)
    raise GitexpError(
        f"Others were faster {tries} times in a row"
        + (f", or one of them holds the branch: {reason(words)}" if held else "")
        + f"; nothing was pushed to {remote.shown}",
        details=words,
        why="Your runs are safe on the local branch.",
        fix="gitexp push    again in a while",
    )


def pull_runs(repo: Repo, remote: Remote, *, branch: str, show: Show | None = None, tries: int = TRIES) -> Shared:
    """Take up the remote's runs. `before` and `after` are the local branch's. Raises as push_runs does.

    What is missing or damaged of the local branch comes back, where the remote has it.
    """
    ref = branch_ref(branch)
    try:
        there = Look(repo, ref).tip() is not None
    except BranchDamaged:
        there = True
    refs = [ref] if there else []
    tracking = remote.tracking_ref(branch)  # what that has, git takes for being here, and does not fetch
    if tracking is not None and revision(repo, tracking) is not None:
        refs.append(tracking)
    checkup = Checkup(repo, *refs) if refs else None  # while git talks with the remote
    failed: TransportFailed | None = None
    theirs: str | None = None
    try:
        theirs = fetch_branch(repo, remote, branch=branch, show=show)
    except TransportFailed as error:
        failed = error
    broken, lacking = checkup.finish() if checkup else [], []
    if broken:
        theirs = fetch_whole(repo, remote, branch=branch, show=show)
        restore_ref(repo, ref, theirs)
        lacking = Checkup(repo, *refs).finish()
        for one in refs:
            forget_cache(repo, one)  # it has runs as unreadable that no longer are
    elif failed:
        raise failed
    shared = _take_up(repo, remote, theirs, branch=branch, tries=tries)
    return shared._replace(healed=bool(broken) and not lacking, lacking=tuple(lacking))


def _take_up(repo: Repo, remote: Remote, theirs: str | None, *, branch: str, tries: int) -> Shared:
    """Move the local branch so that it has `theirs`, by fast-forward or by a merge."""
    ref = branch_ref(branch)
    local = Look(repo, ref).tip()
    if theirs is None:
        if local is None:
            raise GitexpError(f"There is no branch {branch}, neither here nor on {remote.shown}", fix="gitexp init")
        return Shared(remote, branch, sent=0, received=0, before=local, after=local)
    require_grown(repo, ref, theirs, where=f"on {remote.shown}")
    words: str | None = ""
    for _ in range(tries):
        if local is not None and is_ancestor(repo, theirs, local):
            return Shared(remote, branch, sent=0, received=0, before=local, after=local)
        require_not_checked_out(repo, branch, why=_JOINING)
        merge = None if local is None or is_ancestor(repo, local, theirs) else _merge(repo, theirs, local)
        new = merge.write() if merge else theirs
        keeper = Keeper(repo)
        words = move_ref(repo, ref, new=new, old=local, why=f"gitexp pull {remote.shown}")
        if words is None:
            try:
                keeper.keep(new, (), rewrite=merge.write if merge else _nothing, since=None if merge else local)
            except GitFailed:  # a gc took what lay here unused, so that git had not fetched it
                fetch_whole(repo, remote, branch=branch)
            received = count_runs(repo, include=theirs, exclude=local)
            return Shared(remote, branch, sent=0, received=received, before=local, after=new)
        keeper.close()
        time.sleep(random.uniform(0, PAUSES_S[0]))
        local = Look(repo, ref).tip()
    raise GitexpError(
        f"The branch {branch} could not be moved: {move_failed(words or '')}",
        why="Nothing was lost: what was fetched comes again with the next pull.",
        fix="gitexp pull",
    )


def _nothing() -> None:
    pass


def _local_tip(repo: Repo, branch: str) -> str:
    tip = Look(repo, branch_ref(branch)).tip()
    if tip is None:
        raise GitexpError(f"There is nothing to push: this repository has no branch {branch}", fix="gitexp init")
    return tip


def _require_room(repo: Repo, remote: Remote, answer: Lost, *, branch: str, attempt: int) -> None:
    """The remote did not take the branch and does not have it. That may be somebody's lock, or a name in the way."""
    other = branch_in_the_way(repo, remote, branch=branch) if attempt == 0 else None
    if other is None and attempt < REFUSALS:
        return
    raise GitexpError(
        f"{remote.shown} refused {branch}: {reason(answer.words)}",
        details=answer.words,
        why=f"{remote.shown} has a branch {other}, so it cannot have {branch}." if other else "",
        fix=ANOTHER if other else "",
    )


def _follow(repo: Repo, *, branch: str, old: str, new: str) -> None:
    """Move the local branch to a merge that the remote has taken.

    When a run was recorded meanwhile the branch stays where it is: the next push or pull meets that merge as the
    remote's. The same goes for a lock that somebody holds.
    """
    if new == old:
        return
    keeper = Keeper(repo)
    if move_ref(repo, branch_ref(branch), new=new, old=old, why="gitexp push: merge") is None:
        keeper.keep(new, (), rewrite=_nothing)
    else:
        keeper.close()


class _Merge(NamedTuple):
    """The commit in which two tips meet: written again, it is the same. No ref moves."""

    repo: Repo
    tree: str
    parents: tuple[str, str]
    message: str
    moment: datetime

    def write(self) -> str:
        """Store it, where a gc that runs does not take it away, and return its id."""
        commit = self._store()
        if gc_runs(self.repo):
            pack_new(self.repo, commit, rewrite=self._store)
        return commit

    def _store(self) -> str:
        commit = write_commit(
            self.repo,
            tree=self.tree,
            parents=self.parents,
            message=self.message,
            authored=self.moment,
            committed=self.moment,
        )
        sync_objects(self.repo, (commit,))
        return commit


def _merge(repo: Repo, theirs: str, mine: str) -> _Merge:
    with ObjectReader(repo) as objects:
        found = objects.find(f"{theirs}^{{tree}}")
    assert found is not None, "the tip was fetched with its tree"
    runs = counted(count_runs(repo, include=mine, exclude=theirs), "run")
    message = f"merge: {runs} of another clone\n\nGitexp-Event: merge\n"
    return _Merge(repo, found[0], (theirs, mine), message, datetime.now().astimezone())
