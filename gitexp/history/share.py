"""Give the branch's runs to a remote and take up the remote's: by fast-forward, else by a merge commit. Never by force.

A merge has the fetched remote tip as its first parent, the local tip as its second, and the first parent's tree.
push makes it without moving the local branch, pushes it by id, and moves the branch only once the remote has it; so a
merge that lost the race is forgotten, and unpublished merges are never stacked. Moves refs by compare-and-swap.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.append import MERGED, Next, advance
from gitexp.git.branch import require_not_checked_out
from gitexp.git.damage import Checkup, damaged, restore_ref
from gitexp.git.gc import Keeper, gc_runs, pack_new
from gitexp.git.objects import always_same, is_whole, move_ref, sync_objects, write_commit
from gitexp.git.repo import BranchDamaged, BranchHeld, Repo, is_ancestor, line, revision
from gitexp.git.standing import ANOTHER, Look, branch_ref, require_grown
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
from gitexp.history.cache import forget_cache, left_behind
from gitexp.history.listing import New, count_new
from gitexp.record.message import compose_event

_JOINING = "Joining it with the remote's moves it"
REFUSALS = 5  # of a branch that is not there yet: by then it is no race that was lost
TRIES = 60  # some 20 labs that push at the same moment all get their turn
PATIENCE_S = 3.0  # with a local branch that others move or hold
PAUSES_S = (0.1, 1.0)  # the longest wait grows from one to the other: without a cap, the losers starve


class Shared(NamedTuple):
    """What went where. `before` and `after` are commits of the branch that moved."""

    remote: Remote
    branch: str
    sent: New
    received: New
    before: str | None  # None: that branch was not there
    after: str
    waiting: New | None = None  # what the remote has and a push, having nothing to give, left there
    healed: bool = False  # the branch was damaged here, and is whole again
    lacking: tuple[str, ...] = ()  # those that did not, in words
    vanished: bool = False  # the remote had the branch, and has it no more


def push_runs(
    repo: Repo,
    remote: Remote,
    *,
    branch: str,
    clear: Callable[[str], object],
    show: Show | None = None,
    tries: int = TRIES,
) -> Shared:
    """Push the local branch. `before` and `after` are the remote's. Raises GitexpError and its kinds.

    Each tip is shown to `clear` before it leaves, which raises where it may not: runs are recorded meanwhile.
    """
    local = local_tip(repo, branch)
    clear(local)
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
            received = count_new(repo, include=theirs, exclude=local) if theirs else New()
            _follow(repo, branch=branch, old=local, new=offer)
            sent = count_new(repo, include=local, exclude=answer.before) if answer.before != offer else New()
            return Shared(remote, branch, sent=sent, received=received, before=answer.before, after=offer)
        lost = answer
        if attempt:
            time.sleep(random.uniform(PAUSES_S[0], min(PAUSES_S[1], PAUSES_S[0] * 2**attempt)))
        theirs = fetch_branch(repo, remote, branch=branch, show=show)
        local = offer = local_tip(repo, branch)
        clear(local)
        if theirs is None:
            _require_room(repo, remote, answer, branch=branch, attempt=attempt)
            continue  # somebody holds the lock of a branch that is not there yet
        require_grown(repo, branch_ref(branch), theirs, where=f"on {remote.shown}")
        if is_ancestor(repo, local, theirs):
            waiting = count_new(repo, include=theirs, exclude=local)
            return Shared(remote, branch, sent=New(), received=New(), before=theirs, after=theirs, waiting=waiting)
        if not is_ancestor(repo, theirs, local):
            require_not_checked_out(repo, branch, why=_JOINING)
            offer = _stored(repo, _merge(repo, theirs, local))
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


def pull_runs(repo: Repo, remote: Remote, *, branch: str, show: Show | None = None) -> Shared:
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
    known = revision(repo, tracking) if tracking is not None else None
    if tracking is not None and known is not None:
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
    shared = _take_up(repo, remote, theirs or known, branch=branch)
    vanished = theirs is None and known is not None
    return shared._replace(healed=bool(broken) and not lacking, lacking=tuple(lacking), vanished=vanished)


def _take_up(repo: Repo, remote: Remote, theirs: str | None, *, branch: str) -> Shared:
    """Move the local branch so that it has `theirs`, by fast-forward or by a merge."""
    ref = branch_ref(branch)
    if theirs is None:
        local = Look(repo, ref).tip()
        if local is None and remote.name and (gone := left_behind(repo, branch, remote=remote.name)):
            raise gone
        if local is None:
            raise GitexpError(f"There is no branch {branch}, neither here nor on {remote.shown}", fix="gitexp init")
        return Shared(remote, branch, sent=New(), received=New(), before=local, after=local)
    require_grown(repo, ref, theirs, where=f"on {remote.shown}")

    def there() -> object:  # a gc may take what lay here unused, so that git had not fetched it
        return is_whole(repo, theirs) or fetch_whole(repo, remote, branch=branch)

    def follow(tip: str | None) -> Next:
        if tip is not None and is_ancestor(repo, theirs, tip):
            return Next(tip, tip)
        require_not_checked_out(repo, branch, why=_JOINING)
        if tip is None or is_ancestor(repo, tip, theirs):
            return Next(tip, theirs, rewrite=there, since=tip)
        write = _merge(repo, theirs, tip)
        why = f"{MERGED}pull {remote.shown}"
        return Next(tip, _stored(repo, write), rewrite=lambda: (there(), write()), why=why)

    try:
        new = advance(repo, branch, follow, why=f"gitexp pull {remote.shown}", patience_s=PATIENCE_S)
    except BranchHeld as error:
        if error.fix:
            raise
        why = "Nothing was lost: what was fetched comes again with the next pull."
        raise BranchHeld(error.what, why=why, fix="gitexp pull") from error
    received = count_new(repo, include=theirs, exclude=new.tip) if new.tip != new.commit else New()
    return Shared(remote, branch, sent=New(), received=received, before=new.tip, after=new.commit)


def local_tip(repo: Repo, branch: str) -> str:
    """The commit that would be pushed. Raises GitexpError where there is no branch."""
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
    if move_ref(repo, branch_ref(branch), new=new, old=old, why=f"{MERGED}push") is None:
        keeper.keep(new, (), rewrite=lambda: None)
    else:
        keeper.close()


def _stored(repo: Repo, write: Callable[[], str]) -> str:
    """The id of what `write` stores, on the disk and where a gc that runs does not take it before a ref holds it."""
    commit = write()
    sync_objects(repo, (commit,))
    if gc_runs(repo):
        pack_new(repo, commit, rewrite=write)
    return commit


def _merge(repo: Repo, theirs: str, mine: str) -> Callable[[], str]:
    """What stores the commit in which two tips meet, and returns its id: written again, it is the same."""
    new = count_new(repo, include=mine, exclude=theirs)
    now = datetime.now().astimezone()
    write = partial(
        write_commit,
        repo,
        tree=line(repo, "rev-parse", f"{theirs}^{{tree}}"),
        parents=(theirs, mine),
        message=compose_event("merge", f"merge: {new.words} of another clone"),
        authored=now,
        committed=now,
    )
    return always_same(repo, write)
