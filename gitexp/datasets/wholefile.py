"""Write a file so that a reader sees all of it or none: beside its place, then renamed. Of several writers the last
wins, also on NFS. For caches: nothing waits for the disk, so a crash of the machine may lose the file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, parts: Iterable[bytes], *, mode: int = 0o666) -> None:
    """The parts, joined, in a folder that is made where there is none. Raises OSError, and leaves nothing behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
            file.writelines(parts)
        beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)


def write_note(path: Path, content: bytes) -> None:
    """The same for what can be found out again: that it cannot be written is no error."""
    try:
        write_whole(path, [content])
    except OSError:
        pass
