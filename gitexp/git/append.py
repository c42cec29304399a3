"""Append a commit to the experiments branch, by compare-and-swap, until it is there and whole.

Each commit id is noted in a file before the ref moves, so that whoever is killed in between has appended once: the next
try finds it in the branch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from gitexp.git.branch import take_up
from gitexp.git.gc import Keeper, despite_gc
from gitexp.git.objects import Written, move_ref, sync_objects, sync_ref, write_commit
from gitexp.git.repo import BranchHeld, GitFailed, Repo, is_ancestor, output, ref_id
from gitexp.git.standing import SUSPECT_S, Look, branch_ref, move_failed, require_no_stale_lock
from gitexp.regularfile import read_regular
from gitexp.wholefile import write_whole

RECORDED = "gitexp record: "  # in the reflog: what came by fetching, or from a remote's branch, never begins so
KEPT = 8  # ids in the file: what became of older ones was seen long ago


class Entry(NamedTuple):
    """What is to be appended. `write` stores the tree; it may be called again."""

    write: Callable[[], Written]
    message: str
    authored: datetime


class _Attempt(NamedTuple):
    """The commit of an entry on one tip, at one time: written again, it is the same commit."""

    repo: Repo
    entry: Entry
    tip: str
    recorded: datetime

    def commit(self, tree: str) -> str:
        # Both dates are said, or a GIT_COMMITTER_DATE in the environment would stand for when it was recorded.
        return write_commit(
            self.repo,
            tree=tree,
            parents=[self.tip],
            message=self.entry.message,
            authored=self.entry.authored.astimezone(),
            committed=self.recorded,
        )

    def again(self) -> str:
        return self.commit(self.entry.write().tree)


def append(repo: Repo, branch: str, entry: Entry, *, tried: Path, patience_s: float) -> str:
    """Append `entry` to `branch` and return its commit. `tried` is the file of noted ids.

    Raises BranchHeld when the branch cannot be moved for `patience_s`, BranchUnusable when it never will be, and
    GitFailed when nothing can be stored.
    """
    ref = branch_ref(branch)
    look = Look(repo, ref)  # git answers while the files are stored
    tree, objects = despite_gc(entry.write)
    earlier, latest, unsynced = _read(tried), "", objects
    deadline = time.monotonic() + patience_s
    while True:
        tip = look.tip() or take_up(repo, branch)[0]
        for done in filter(None, (*earlier, latest)):
            if ref_id(repo, done) and is_ancestor(repo, done, tip):  # an earlier attempt got as far as moving the ref
                Keeper(repo).keep(done, objects, rewrite=entry.write)
                sync_objects(repo, (done, *objects))
                sync_ref(repo, ref)
                return done
        attempt = _Attempt(repo, entry, tip, datetime.now().astimezone())
        try:
            latest = attempt.commit(tree)
        except GitFailed:
            latest = despite_gc(attempt.again)
        _note(tried, [*earlier, latest])
        # The note too: a branch that has a commit of which nobody knows would get the run once more.
        sync_objects(repo, (latest, *unsynced), tried, tried.parent)
        unsynced = ()
        keeper = Keeper(repo)
        words = move_ref(repo, ref, new=latest, old=tip, why=f"{RECORDED}{entry.message.splitlines()[0]}")
        if words is None:
            keeper.keep(latest, objects, rewrite=attempt.again)
            return latest
        keeper.close()
        require_no_stale_lock(repo.common_dir / ref)
        if time.monotonic() > deadline:
            require_no_stale_lock(repo.common_dir / ref, older_s=max(patience_s, SUSPECT_S))
            tried_s = f" for {patience_s:g} s" if patience_s else ""
            raise BranchHeld(f"{branch} could not be moved{tried_s}: {move_failed(words)}")
        time.sleep(0.002 + os.urandom(1)[0] / 5000)  # 2 to 53 ms: losers of a race must not march in step
        look = Look(repo, ref)


def recorded_here(repo: Repo, branch: str, commit: str) -> bool:
    """Whether this clone made the commit, by its reflog: names and addresses in a commit are anybody's to write."""
    found = output(
        repo, "log", "--no-show-signature", "-g", f"--grep-reflog=^{RECORDED}", "--format=%H", branch_ref(branch), "--"
    )
    return commit.encode() in found.split()


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
