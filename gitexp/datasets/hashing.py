"""Names in a folder to their digests: one file after the other from memory, several at once from a slow disk.

With 20,000 small files in the page cache a second thread saves 15 % and keeps a second core busy; where each file is
waited for (a disk that turns, a server), the waiting overlaps. So threads start only once most of the time was waiting.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gitexp.datasets.digest import ChangedWhileRead, Seen, digest_file, digest_file_sha256
from gitexp.datasets.progress import Progress
from gitexp.datasets.sections import STAT, sizes
from gitexp.datasets.walk import Folder, Problem, dangling, no_file, unreadable
from gitexp.record.manifest import display
from gitexp.regularfile import NotAFile

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

CHUNK = 256  # files between two looks at the clock
THREADS = 8
TOLD_S = 0.05  # a bar is drawn ten times a second


class Hasher:
    """Hashes what it is given and tells `progress`. Close it, for it may have threads."""

    def __init__(
        self,
        *,
        sha256: bool = False,
        progress: Progress | None = None,
        measure: Callable[[], tuple[int, int]] | None = None,
        watched_s: float = 0.5,
        patience_s: float = 0.0003,
    ) -> None:
        """`measure`: files and bytes in all; asked once hashing has taken `watched_s`, for looking takes long, too.

        `patience_s`: how long a file may be waited for, on average, before several are asked for at once.
        """
        self._digest = digest_file_sha256 if sha256 else digest_file
        self._progress, self._measure, self._patience_s = progress, measure, patience_s
        self._watched_s = watched_s
        self._began = time.monotonic()
        self._pool: ThreadPoolExecutor | None = None

    def hash(self, folder: Folder, names: Sequence[str]) -> list[Seen | Problem]:
        """What became of each file; `folder` is open. Raises nothing."""
        self._began = time.monotonic()
        results = self._hash_all(folder, names)
        self._watched_s -= time.monotonic() - self._began
        return results

    def _hash_all(self, folder: Folder, names: Sequence[str]) -> list[Seen | Problem]:
        results: list[Seen | Problem] = []
        for at in range(0, len(names), CHUNK):
            some = names[at : at + CHUNK]
            if self._pool is not None:
                # A task for each file would cost more than hashing it does.
                tasks = [some[start : start + CHUNK // THREADS] for start in range(0, len(some), CHUNK // THREADS)]
                for done in self._pool.map(lambda task: self._hash(folder, task), tasks):
                    results += done
                continue
            began, busy = time.perf_counter(), time.thread_time()
            results += self._hash(folder, some)
            waited_s = time.perf_counter() - began - (time.thread_time() - busy)
            if len(some) >= THREADS and waited_s > self._patience_s * len(some):
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(THREADS)
        return results

    def skip(self, stats: bytes) -> None:
        """These need not be hashed: count them as done."""
        if self._progress is not None:
            self._progress.advance(files=len(stats) // STAT, size_bytes=sum(sizes(stats)))

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def _hash(self, folder: Folder, names: Sequence[str]) -> list[Seen | Problem]:
        results: list[Seen | Problem] = []
        digest, openable, fd, progress = self._digest, folder.openable, folder.fd, self._progress
        teller = _Teller(progress, self._look) if progress is not None else None
        advance = teller.advance if teller is not None else None
        for name in names:
            try:
                seen = digest(openable(name), dir_fd=fd, advance=advance)
            except OSError as error:
                results.append(_problem(folder, name, error))
                continue
            results.append(seen)
            if teller is not None:
                teller.hashed(seen.size)
        if teller is not None:
            teller.tell()
        return results

    def _look(self, progress: Progress) -> None:
        if self._measure is not None and time.monotonic() - self._began > self._watched_s:
            measure, self._measure = self._measure, None
            files, size_bytes = measure()
            progress.expect(files=files, size_bytes=size_bytes)


class _Teller:
    """Tells a watcher of small files a few at a time: to hear of each takes as long as hashing it."""

    def __init__(self, progress: Progress, look: Callable[[Progress], None]) -> None:
        self._progress, self._look = progress, look
        self._files = self._bytes = 0
        self._told_of_this = 0  # bytes of the file that is being hashed
        self._tell_at = time.monotonic() + TOLD_S

    def advance(self, size_bytes: int) -> None:
        """So much more of a large file is hashed."""
        self._told_of_this += size_bytes
        self._bytes += size_bytes
        self.tell()

    def hashed(self, size_bytes: int) -> None:
        """A file of that size is done."""
        self._files += 1
        self._bytes += size_bytes - self._told_of_this
        self._told_of_this = 0
        if time.monotonic() > self._tell_at:
            self.tell()

    def tell(self) -> None:
        self._look(self._progress)
        self._progress.advance(files=self._files, size_bytes=self._bytes)
        self._files = self._bytes = 0
        self._tell_at = time.monotonic() + TOLD_S


def _problem(folder: Folder, name: str, error: OSError) -> Problem:
    relative = folder.prefix + os.fsencode(name)
    if isinstance(error, ChangedWhileRead):
        return Problem(relative, f"{display(relative)} changed while it was being read")
    if isinstance(error, NotAFile):
        return no_file(relative)
    if isinstance(error, FileNotFoundError):
        if os.path.islink(os.path.join(folder.path, os.fsencode(name)) if folder.fd is not None else folder.path):
            return dangling(relative, error)
        return Problem(relative, f"{display(relative)} vanished while the dataset was being read")
    return unreadable(relative, error)
