"""Keep what was just written from a `git gc` that looked at the refs before they held it.

Objects are unreachable until a ref moves. A gc with --prune=now that began before then deletes them, before or after
the move; one that begins later sees them. Packs that it did not find when it began are never touched.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from gitexp.git.repo import GitFailed, Repo, object_folder, output, start

T = TypeVar("T")

PAUSES_S = (0.05, 0.2, 1.0)
BELIEVED_S = 12 * 3600.0  # how long git itself believes in a gc of another machine


def despite_gc(write: Callable[[], T]) -> T:
    """Do `write`, and again where a gc may have taken away what it had half written. Raises its last GitFailed."""
    for pause_s in PAUSES_S:
        try:
            return write()
        except GitFailed:
            time.sleep(pause_s)
    return write()


def gc_runs(repo: Repo) -> bool:
    """Whether a `git gc` is at work in this repository."""
    note = repo.common_dir / "gc.pid"
    try:
        process, _, host = note.read_text().strip().partition(" ")
        if host != os.uname().nodename:
            return time.time() - note.stat().st_mtime < BELIEVED_S
        os.kill(int(process), 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except (ValueError, OSError):
        return True  # another user's, or not to be read: it may be
    return True


def pack_new(repo: Repo, commit: str, *, rewrite: Callable[[], object], since: str | None = None) -> None:
    """`rewrite`, and put what `since` (None: the commit's parents) does not have of it into a pack."""

    def pack() -> None:
        rewrite()
        new = f"{commit}\n^{since or f'{commit}^@'}\n".encode()
        target = object_folder(repo) / "pack" / "pack"
        output(repo, "pack-objects", "-q", "--revs", "--window=0", str(target), feed=new)

    despite_gc(pack)


class Keeper:
    """A git process that tells, once a ref has moved, whether what it now holds is all there.

    Begun before the move, so that it costs nothing to start.
    """

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._checking = start(repo.root, "cat-file", "--batch-check=%(objecttype)", stdin=subprocess.PIPE)

    def keep(
        self, commit: str, objects: Sequence[str], *, rewrite: Callable[[], object], since: str | None = None
    ) -> None:
        """See to it that `commit`, which a ref holds by now, stays whole. `objects` are what was written for it.

        Where some are gone or a gc may still take them, `rewrite` writes them again, and what `since` (a commit; None:
        its parents) does not have is packed. Raises GitFailed.
        """
        threatened = gc_runs(self._repo)  # looked at first: a gc that ended in between has done what it could
        found, _ = self._checking.communicate("".join(f"{oid}\n" for oid in (commit, *objects)).encode())
        whole = self._checking.returncode == 0 and b" missing\n" not in found
        if whole and not threatened:
            return

        pack_new(self._repo, commit, rewrite=rewrite, since=since)

    def close(self) -> None:
        """The ref did not move."""
        self._checking.communicate()
