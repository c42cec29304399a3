"""Write a file so that a reader sees all of it or none: beside its place, then renamed. Of several writers the last
wins, also on NFS. Nothing waits for the disk: who needs that syncs the file while it is open.

Standard library only, and next to nothing of it: the worker writes files too.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # `typing` takes the worker some milliseconds to import
if TYPE_CHECKING:
    from typing import BinaryIO


class WholeFile:
    """A new file, open for writing, that takes the place of `path` when it is left; an error leaves nothing behind.

    `beside`: its name until then; else one of its own. Raises OSError.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, mode: int = 0o666, beside: str | os.PathLike[str] | None = None
    ) -> None:
        folder, name = os.path.split(path)
        self._path = path
        self._beside = beside or os.path.join(folder, f".{name}.{os.urandom(6).hex()}.tmp")
        self._file = open(os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode), "wb")

    def __enter__(self) -> BinaryIO:
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        placed = False
        try:
            self._file.close()
            if kind is None:
                os.replace(self._beside, self._path)
                placed = True
        finally:
            if not placed:
                try:
                    os.unlink(self._beside)
                except OSError:
                    pass


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """The whole new file or what was there before. Raises OSError."""
    with WholeFile(path) as file:
        file.write(content)


def write_note(path: str | os.PathLike[str], content: bytes) -> None:
    """The same for what can be found out again, in a folder that need not exist: no error where it cannot be."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_whole(path, content)
    except OSError:
        pass
