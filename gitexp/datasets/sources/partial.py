"""A file that is still arriving: appended to, continued another day, hashed as it lies on disk; by one process."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from xxhash import xxh3_128

from gitexp.datasets.sources.refusals import Changed
from gitexp.datasets.sources.resolution import SourceFile

BLOCK = 1 << 20
FORGOTTEN_S = 14 * 86_400  # a partial file that nobody has written to for so long is removed


class Digests(NamedTuple):
    """What a file's bytes are. None: not computed, because nobody states it."""

    xxh128: str
    size: int
    sha256: str | None = None
    md5: str | None = None
    blob: str | None = None

    def differences(self, file: SourceFile) -> tuple[str, ...]:
        """What the source states otherwise, as lines for people."""
        pairs = (
            ("bytes", file.size, self.size),
            ("sha256", file.sha256, self.sha256),
            ("md5", file.md5, self.md5),
            ("git blob", file.blob, self.blob),
        )
        return tuple(
            f"  {name}: stated {stated}, arrived {found}"
            for name, stated, found in pairs
            if stated is not None and stated != found
        )


def digests_of(path: Path, *, like: SourceFile) -> Digests:
    """Hash a file once, by xxh128 and by every algorithm that `like` states."""
    size = path.stat().st_size
    whole = xxh3_128()
    sha256 = hashlib.sha256() if like.sha256 else None
    md5 = hashlib.md5(usedforsecurity=False) if like.md5 else None
    blob = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False) if like.blob else None
    states = [state for state in (whole, sha256, md5, blob) if state is not None]
    count = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            count += len(block)
            for state in states:
                state.update(block)
    return Digests(
        whole.hexdigest(),
        count,
        sha256.hexdigest() if sha256 else None,
        md5.hexdigest() if md5 else None,
        blob.hexdigest() if blob else None,
    )


class Partial:
    """What has arrived so far. `size` is where to go on."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd
        self.size = os.fstat(fd).st_size
        self._most = 0  # the farthest that was ever reached, so that progress is told once

    def append(self, block: bytes) -> int:
        """Write at the end. Returns how many bytes of it are new to whoever watches."""
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
        self.size += len(block)
        fresh = max(0, self.size - max(self._most, self.size - len(block)))
        self._most = max(self._most, self.size)
        return fresh

    def restart(self) -> None:
        """Throw away what is there."""
        os.ftruncate(self._fd, 0)
        self.size = 0

    def digests(self, file: SourceFile) -> Digests:
        return digests_of(self.path, like=file)


@contextmanager
def open_partial(workspace: Path, key: str | None) -> Iterator[Partial]:
    """The partial file of this key; None: one that nobody will continue.

    It is removed when all went well, when the source changed, and when nobody could continue it.
    """
    folder = workspace / "partial"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (hashlib.sha256(key.encode()).hexdigest() if key else _unique())
    fd = _locked(path)
    if fd is None:  # another process is at it
        key, path = None, folder / _unique()
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    keep = False
    try:
        yield Partial(path, fd)
    except Changed:
        raise
    except BaseException:
        keep = key is not None
        raise
    finally:
        if not keep:
            path.unlink(missing_ok=True)
        os.close(fd)


def _unique() -> str:
    return f"once-{os.getpid()}-{os.urandom(8).hex()}"


def _locked(path: Path) -> int | None:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(fd), path.stat()):  # whoever held the lock may have removed the name
            return fd
    except OSError:  # held by another process, or a file system without locks
        pass
    os.close(fd)
    return None


def sweep(workspace: Path) -> None:
    """Remove partial files that nobody came back for. Raises nothing."""
    oldest = time.time() - FORGOTTEN_S
    try:
        for path in (workspace / "partial").iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
    except OSError:
        return
