"""An object on its way into the store: a file that grows, may be continued another day, and is named once verified."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from gitexp.datasets.digest import digest_file
from gitexp.datasets.objects.batch import Batch, make_folder
from gitexp.datasets.objects.names import Name
from gitexp.datasets.objects.store import PARTIAL, ObjectStore
from gitexp.record.manifest import ALGORITHM


class WrongBytes(Exception):
    """What arrived is not what was asked for. `found` is its digest."""

    def __init__(self, found: str, size_bytes: int) -> None:
        super().__init__(found)
        self.found = found
        self.size_bytes = size_bytes


class Arrival:
    """One object. `path` is ours alone while this is open; who fetches appends to it. Raises OSError."""

    def __init__(self, store: ObjectStore, batch: Batch, name: Name) -> None:
        self.name = name
        self._batch = batch
        shared = store.root / PARTIAL / f"{name.algorithm}-{name.digits}"
        aside = batch.unnamed()
        make_folder(store.root, shared.parent)
        fd = _locked(shared)
        self.path = shared if fd is not None else aside  # held by another process: do not wait for it
        self._fd = fd if fd is not None else os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
        self._continues = fd is not None
        self._kept = False

    def __enter__(self) -> Arrival:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size_bytes(self) -> int:
        return os.fstat(self._fd).st_size

    def restart(self) -> None:
        """Throw away what is there."""
        os.ftruncate(self._fd, 0)

    def keep(self) -> int:
        """Verify what arrived and leave it to the batch, to be named; its size. Raises WrongBytes, and OSError."""
        found = digest_file(os.fsencode(self.path))
        if not self.name.fits(found.digest):
            raise WrongBytes(f"{ALGORITHM}:{found.digest}", found.size)
        # Under the lock: whoever waits for it finds the path gone, and does not go on writing to the file.
        self._batch.move(self.path, self.name)
        self._kept = True
        return found.size

    def close(self) -> None:
        """Give up the lock. What has arrived stays, to be continued, unless it is nothing."""
        if self._fd < 0:
            return
        try:
            if not self._kept and (not self._continues or self.size_bytes == 0):
                self.path.unlink(missing_ok=True)
        finally:
            os.close(self._fd)
            self._fd = -1


def _locked(path: Path) -> int | None:
    """The open file, if it is ours alone; None: somebody else's at the moment, or a file system without locks."""
    import fcntl

    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
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
