"""Bytes on their way into the store: a file that grows, may be continued another day, and is named once verified."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from gitexp.datasets.digest import digest_file
from gitexp.datasets.objects.batch import Batch, make_folder
from gitexp.datasets.objects.copies import write_all
from gitexp.datasets.objects.objectname import Name
from gitexp.datasets.objects.store import PARTIAL, ObjectStore
from gitexp.record.manifest import ALGORITHM

_OPEN = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


class WrongBytes(Exception):
    """What arrived is not what was asked for. `found` is its digest."""

    def __init__(self, found: str, size_bytes: int) -> None:
        super().__init__(found)
        self.found = found
        self.size_bytes = size_bytes


class Growing:
    """A file at `path`, which is ours alone while this is open; what is in it stays, to be continued, unless `spent`.

    `shared`: the path under which others look for it; None: nobody could continue it. `aside`: one that nobody else
    knows, for where another process holds the first. Raises OSError.
    """

    def __init__(self, shared: Path | None, aside: Path) -> None:
        fd = _locked(shared) if shared is not None else None
        self.path = aside if shared is None or fd is None else shared
        self._fd = os.open(aside, _OPEN | os.O_EXCL, 0o600) if fd is None else fd
        self.spent = fd is None  # nobody needs it any more
        self.moved = False  # what is at `path` now, if anything, is another's
        self.came = 0  # bytes that were appended, in all
        self._most = 0  # the farthest that was ever reached, so that progress is told once

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if not self.moved and (self.spent or self.size_bytes == 0):
                self.path.unlink(missing_ok=True)
        finally:
            os.close(self._fd)

    @property
    def size_bytes(self) -> int:
        return os.fstat(self._fd).st_size

    def restart(self) -> None:
        """Throw away what is there."""
        os.ftruncate(self._fd, 0)

    def append(self, block: bytes) -> int:
        """Write at the end. Returns how many bytes of it are new to whoever watches."""
        before = self.size_bytes
        write_all(self._fd, block)
        self.came += len(block)
        fresh = max(0, before + len(block) - max(self._most, before))
        self._most = max(self._most, before + len(block))
        return fresh


class Arrival(Growing):
    """One object, which whoever fetches it appends to."""

    def __init__(self, store: ObjectStore, batch: Batch, name: Name) -> None:
        shared = store.root / PARTIAL / f"{name.algorithm}-{name.digits}"
        aside = batch.unnamed()
        make_folder(store.root, shared.parent)
        super().__init__(shared, aside)
        self.name = name
        self._batch = batch

    def keep(self) -> int:
        """Verify what arrived and leave it to the batch, to be named; its size. Raises WrongBytes, and OSError."""
        found = digest_file(os.fsencode(self.path))
        if not self.name.fits(found.digest):
            raise WrongBytes(f"{ALGORITHM}:{found.digest}", found.size)
        # Under the lock: whoever waits for it finds the path gone, and does not go on writing to the file.
        self._batch.move(self.path, self.name)
        self.moved = True
        return found.size


def _locked(path: Path) -> int | None:
    """The open file, if it is ours alone; None: somebody else's at the moment, or a file system without locks."""
    import fcntl

    try:
        fd = os.open(path, _OPEN | os.O_NOFOLLOW, 0o600)
    except PermissionError:  # a colleague's, in a shared store
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(fd), path.stat()):  # whoever held the lock may have removed the name
            return fd
    except OSError:
        pass
    os.close(fd)
    return None
