"""Bytes on their way: in memory while they are few, in files of a folder of ours once they are many."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

IN_MEMORY = 1 << 22


class Room:
    """Where such files lie while they are needed: `with Room(folder) as room`. They go when it is left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: list[tuple[IO[bytes], Path | None]] = []

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *error: object) -> None:
        for file, path in self._open:
            file.close()
            if path is not None:
                path.unlink(missing_ok=True)

    def file(self) -> IO[bytes]:
        """A new file. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f".spool.{os.getpid()}.{len(self._open)}"
        path.unlink(missing_ok=True)
        file = path.open("x+b")
        self._open.append((file, path))
        return file

    def keep(self, file: IO[bytes], name: str) -> Path:
        """Give a file a name that stays. By renaming: what has that name may be a stored object's second name."""
        at, path = next((at, path) for at, (one, path) in enumerate(self._open) if one is file)
        assert path is not None
        self._open[at] = file, None
        file.flush()
        return path.replace(self._folder / name)


class Spool:
    """Written first, then read from anywhere."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._file: IO[bytes] = io.BytesIO()

    def write(self, data: bytes) -> None:
        """Append; nothing was read yet. Raises OSError."""
        if isinstance(self._file, io.BytesIO) and self._file.tell() + len(data) > IN_MEMORY:
            self._into_file()
        self._file.write(data)

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def readline(self) -> bytes:
        return self._file.readline()

    def seek(self, offset: int) -> None:
        self._file.seek(offset)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._file)

    def keep(self, name: str) -> Path:
        """A file of this name with these bytes. Raises OSError."""
        if isinstance(self._file, io.BytesIO):
            self._into_file()
        return self._room.keep(self._file, name)

    def _into_file(self) -> None:
        assert isinstance(self._file, io.BytesIO)
        there, self._file = self._file.getvalue(), self._room.file()
        self._file.write(there)
