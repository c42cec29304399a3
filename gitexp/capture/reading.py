"""A file of a known kind to blocks of rows. Problems, also that it cannot be opened, are sentences of its Reader."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from gitexp.capture.kinds import Kind
from gitexp.record.metricreader import Reader
from gitexp.record.rowblocks import Block
from gitexp.regularfile import open_regular


def read(kind: Kind, reader: Reader, path: Path, *, start: int = 0) -> Iterator[Block]:
    """The rows, from byte `start` on if the kind grows. Steps are the program's; times are not said."""
    try:
        with open(open_regular(path)[0], "rb") as file:
            yield from import_module(f"gitexp.capture.{kind.reader}").read(
                reader, file, start=start if kind.grows else 0
            )
    except OSError as error:
        reader.problem(f"cannot be read: {error.strerror}")
