"""Move the experiments branch on, by compare-and-swap, until what is to be on it is there and whole.

Runs, events and merges go this one way: each says what follows on a tip, and after a lost race it is asked again.
Of an entry each commit id is noted in a file before the ref moves, so that whoever is killed in between has appended
once: the next try finds it in the branch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gitexp.git.branch import take_up
from gitexp.git.gc import Keeper, despite_gc
from gitexp.git.objects import Written, always_same, move_ref, sync_objects, sync_ref, write_commit
from gitexp.git.repo import BranchHeld, GitFailed, Repo, is_ancestor, output, ref_id
from gitexp.git.standing import SUSPECT_S, Look, branch_ref, move_failed, require_no_stale_lock
from gitexp.regularfile import read_regular
from gitexp.wholefile import write_whole

RECORDED = "gitexp record: "  # in the reflog: what came by fetching, or from a remote's branch, never begins so
MERGED = "gitexp merge: "  # the same of a merge of ours
IMPORTED, DROPPED = "gitexp import: ", "gitexp drop: "  # of moves over several commits of ours
KEPT = 8  # ids in the file: what became of older ones was seen long ago


class Next(NamedTuple):
    """The commit that follows a tip: stored, on the disk, and noted where somebody is to find it again."""

    tip: str | None  # None: there was no branch; the commit itself: the branch has it already
    commit: str
    objects: Sequence[str] = ()  # what was written for it
    rewrite: Callable[[], object] = lambda: None  # stores it again, where a gc took it away
    since: str | None = None  # a commit with all that need not be stored again; None: its parents
    why: str = ""  # for the reflog, where it is another than usual


def advance(
    repo: Repo,
    branch: str,
    follow: Callable[[str | None], Next],
    *,
    why: str,
    patience_s: float,
    look: Look | None = None,
) -> Next:
    """Move `branch` to what follows its tip (None: there is no such branch), and say what that was.

    `look` is a question about the tip that was asked earlier. Raises BranchHeld when the branch cannot be moved for
    `patience_s`, BranchUnusable when it never will be, and GitFailed when nothing can be stored.
    """
    ref = branch_ref(branch)
    deadline = time.monotonic() + patience_s
    while True:
        new = follow((look or Look(repo, ref)).tip())
        if new.commit == new.tip and not new.objects:
            return new
        keeper = Keeper(repo)
        words = None if new.commit == new.tip else move_ref(repo, ref, new=new.commit, old=new.tip, why=new.why or why)
        if words is None:
            keeper.keep(new.commit, new.objects, rewrite=new.rewrite, since=new.since)
            return new
        keeper.close()
        require_no_stale_lock(repo.common_dir / ref)
        if time.monotonic() > deadline:
            require_no_stale_lock(repo.common_dir / ref, older_s=max(patience_s, SUSPECT_S))
            tried_s = f" for {patience_s:g} s" if patience_s else ""
            raise BranchHeld(f"{branch} could not be moved{tried_s}: {move_failed(words)}")
        time.sleep(0.002 + os.urandom(1)[0] / 5000)  # 2 to 53 ms: losers of a race must not march in step
        look = None


class Entry(NamedTuple):
    """What is to be appended. `tree` stores the tree on a tip, `rewrite` stores again what a gc took of it."""

    tree: Callable[[str], Written]
    message: str
    authored: datetime
    rewrite: Callable[[], object] = lambda: None


def append(repo: Repo, branch: str, entry: Entry, *, tried: Path, patience_s: float, look: Look | None = None) -> str:
    """Append `entry` to `branch` and return its commit. `tried` is the file of noted ids. Raises as `advance` does."""
    earlier, latest, synced = _read(tried), list[str](), set[str]()

    def follow(tip: str | None) -> Next:
        tip = tip or take_up(repo, branch)[0]
        tree, objects = entry.tree(tip)
        for done in (*earlier, *latest):
            if ref_id(repo, done) and is_ancestor(repo, done, tip):  # an earlier attempt got as far as moving the ref
                sync_objects(repo, (done, *objects))
                sync_ref(repo, branch_ref(branch))
                return Next(done, done, objects, entry.rewrite)
        # Both dates are said, or a GIT_COMMITTER_DATE in the environment would stand for when it was recorded.
        dated = partial(write_commit, authored=entry.authored.astimezone(), committed=datetime.now().astimezone())
        write = always_same(repo, partial(dated, repo, tree=tree, parents=[tip], message=entry.message))

        def again() -> str:
            entry.rewrite()
            return write()

        try:
            latest[:] = [write()]
        except GitFailed:
            latest[:] = [despite_gc(again)]
        _note(tried, [*earlier, *latest])
        # The note too: a branch that has a commit of which nobody knows would get the run once more.
        unsynced = {*latest, *objects} - synced
        sync_objects(repo, unsynced, tried, tried.parent)
        synced.update(unsynced)
        return Next(tip, latest[0], objects, again)

    why = f"{RECORDED}{entry.message.splitlines()[0]}"
    return advance(repo, branch, follow, why=why, patience_s=patience_s, look=look).commit


def recorded_here(repo: Repo, branch: str, *commits: str) -> bool:
    """Whether this clone made the commits, by its reflog: names and addresses in a commit are anybody's to write."""
    return {*commits} <= written_here(repo, branch)


def written_here(repo: Repo, branch: str) -> set[str]:
    """The commits that this clone made, merges among them, as far back as the reflog goes."""
    ref = branch_ref(branch)
    if ref_id(repo, ref) is None:
        return set()  # a fresh clone has runs of remotes alone
    told = output(repo, "log", "--no-show-signature", "-g", "--format=%H %gs", ref, "--").decode("utf-8", "replace")
    moves = [text.split(" ", 1) for text in told.split("\n") if text]
    found = set()
    for (new, why), old in zip(moves, [*(move[0] for move in moves[1:]), ""], strict=False):
        if why.startswith((RECORDED, MERGED)):
            found.add(new)
        elif why.startswith((IMPORTED, DROPPED)) and old:
            found |= {*output(repo, "rev-list", new, f"^{old}", "--").decode().split()}
    return found


def is_recorded(repo: Repo, tried: Path) -> bool:
    """Whether one of the commits noted in `tried` is in a branch here."""
    noted = [one for one in _read(tried) if ref_id(repo, one)]
    return any(output(repo, "for-each-ref", f"--contains={one}", "refs/heads") for one in noted)


def _read(tried: Path) -> list[str]:
    try:
        return read_regular(tried).decode().split()
    except FileNotFoundError:
        return []


def _note(tried: Path, ids: Sequence[str]) -> None:
    """Write the last of these ids, whole: half a file would forget what a killed attempt may have done."""
    write_whole(tried, "".join(f"{one}\n" for one in list(dict.fromkeys(ids))[-KEPT:]).encode())
