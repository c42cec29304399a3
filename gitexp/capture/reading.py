"""A file of a known kind to blocks of rows, and to settings.

Problems, also that it cannot be opened, are sentences of a Reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from gitexp.capture.kinds import Kind
from gitexp.capture.source import Source
from gitexp.record.metricreader import Reader
from gitexp.record.rowblocks import Block
from gitexp.regularfile import open_regular


def sources(kind: Kind, path: Path, *, start: int = 0, since: float | None = None) -> list[Source]:
    """The trainings that a file holds: one, but for stores. None of a store in which nothing was logged since.

    `start`: the byte from which the file grew, where it was there before; it counts for kinds that grow. `since`: when
    the run began, in seconds of Unix time; it counts for stores.
    """
    if kind.several:
        found: list[Source] = _function(kind.reader)(path, since=since)
        return found
    return [Source("", partial(read, kind, path=path, start=start), partial(_settings, kind, path))]


def read(kind: Kind, reader: Reader, path: Path, *, start: int = 0) -> Iterator[Block]:
    """The rows of a file with one training. Steps are the program's; times are not said.

    No row, and no problem, comes of a kind that has settings alone, and of a file of another kind under such a name: a
    table without epochs, a text called train.log.
    """
    if not kind.reader:
        return
    try:
        with open(open_regular(path)[0], "rb") as file:
            yield from _function(kind.reader)(reader, file, path=path, start=start if kind.grows else 0)
    except OSError as error:
        reader.problem(f"cannot be read: {error.strerror}")


def _settings(kind: Kind, path: Path, reader: Reader) -> dict[str, Any] | None:
    if not kind.settings:
        return None
    try:
        with open(open_regular(path)[0], "rb") as file:
            found: dict[str, Any] | None = _function(kind.settings)(reader, file, path=path)
            return found
    except OSError as error:
        reader.problem(f"cannot be read: {error.strerror}")
        return None


def _function(name: str) -> Any:
    module, _, function = name.partition(".")
    return getattr(import_module(f"gitexp.capture.{module}"), function)
