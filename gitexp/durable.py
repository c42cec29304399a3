"""Wait until files, and their names in folders, are on the disk: a power cut leaves them. Standard library only.

On a disk that takes its time, many are waited for side by side, which it answers with few waits; very many with one
wait for the whole file system, which takes long where others have much unwritten.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable
from pathlib import Path

AT_ONCE = 16
QUICK_S = 0.003  # a disk that has taken all by then is quicker than threads would be
MANY = 64  # from here on the whole file system is asked
_NO_SUCH_WAIT = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # file systems that cannot say so of folders


def sync(path: Path) -> None:
    """A file, or the names in a folder, safely on disk. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file_system(fd: int) -> None:
    """All of the file system that holds the open `fd`, safely on disk. Raises OSError, also where nothing can do it.

    Linux from 5.8 on tells of writes that failed since `fd` was opened.
    """
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    number = errno.ENOSYS if call is None else ctypes.get_errno() if call(fd) != 0 else 0
    if number:
        raise OSError(number, os.strerror(number))


def sync_all(paths: Iterable[Path], *, on: Path) -> None:
    """Those of these files and folders that there are. They lie on the file system of `on`. Raises OSError."""
    waiting = list(dict.fromkeys(paths))
    if len(waiting) >= MANY:
        fd = os.open(on, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return sync_file_system(fd)
        except OSError as error:
            if error.errno not in _NO_SUCH_WAIT:
                raise
        finally:
            os.close(fd)
    failed: list[OSError] = []
    begun = time.monotonic()

    def work(for_s: float | None = None) -> None:
        while waiting and not failed and (for_s is None or time.monotonic() - begun < for_s):
            try:
                sync(waiting.pop())
            except (FileNotFoundError, NotADirectoryError, IndexError):
                continue
            except OSError as error:
                if error.errno not in _NO_SUCH_WAIT:
                    failed.append(error)

    work(QUICK_S)
    if waiting and not failed:
        import threading

        threads = [threading.Thread(target=work) for _ in range(min(AT_ONCE, len(waiting)) - 1)]
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]
