"""Open what a program may have made: a FIFO, a device or a socket of that name neither blocks nor is read.

Standard library only, and next to nothing of it: the worker reads files too.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMAT, _REGULAR, _FOLDER = 0o170000, 0o100000, 0o040000  # as in `stat`, which takes a millisecond to import


class NotAFile(OSError):
    """A socket, FIFO, device or folder: it has no bytes to be read."""

    def __init__(self, what: str = "it is a FIFO, a socket or a device") -> None:
        super().__init__(errno.EINVAL, what)


def open_regular(
    path: str | bytes | os.PathLike[str], *, dir_fd: int | None = None, flags: int = 0
) -> tuple[int, os.stat_result]:
    """A descriptor for reading and what it stands for. Raises OSError: among them NotAFile, also behind a link.

    `flags`: further ones, such as O_NOFOLLOW.

    The look is at what was opened, so nobody can put another thing there between a look and the opening.
    """
    try:
        # Without O_NONBLOCK, opening a FIFO that nobody writes to would wait for ever.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | flags, dir_fd=dir_fd)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP):  # a socket; a device without a driver
            raise NotAFile from error
        raise
    try:
        found = os.fstat(fd)
        if found.st_mode & _FORMAT != _REGULAR:
            raise NotAFile("it is a folder") if found.st_mode & _FORMAT == _FOLDER else NotAFile()
    except BaseException:
        os.close(fd)
        raise
    return fd, found


def walk(top: str | os.PathLike[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """As os.walk, which before Python 3.12 has no stack for a thousand folders in each other."""
    waiting = [os.fspath(top)]
    while waiting:
        at = waiting.pop()
        folders: list[str] = []
        files: list[str] = []
        links = set()  # which are named among the folders, and not followed
        try:
            with os.scandir(at) as entries:
                for entry in entries:
                    (folders if _is_folder(entry) else files).append(entry.name)
                    if entry.is_symlink():
                        links.add(entry.name)
        except OSError:
            continue
        yield at, folders, files
        waiting += [f"{at}/{name}" for name in reversed(folders) if name not in links]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def read_regular(path: str | bytes | os.PathLike[str], *, most: int = 1 << 30) -> bytes:
    """The file whole, or its first `most` bytes. Raises as open_regular."""
    with open(open_regular(path)[0], "rb", buffering=0) as file:
        return file.read(most) or b""
