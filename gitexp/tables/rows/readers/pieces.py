"""What every reader gives: the Head of a file, then Pieces of its columns, and Faults where a row cannot be read.

Rows count from 0 in each file, a header is none; lines count from 1, as in an editor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

PIECE_ROWS = 4096
PIECE_CELLS = 1 << 18


class Damaged(Exception):
    """The file cannot be read on. The message ends a sentence that begins with its name."""


class Options(NamedTuple):
    """How to read. `fields`: only these are wanted; None: all. `moved` is told of bytes that were read."""

    tabs: bool = False
    header: bool | None = None  # None: a first line of numbers alone is none
    fields: frozenset[str] | None = None
    moved: Callable[[int], None] = lambda _size_bytes: None


class Head(NamedTuple):
    """What a file says of itself. None: only its rows will show."""

    fields: tuple[str, ...] | None
    dtypes: Mapping[str, str] = {}  # as the file declares them
    shape: tuple[int, ...] | None = None  # of an array
    rows: int | None = None
    may_be_row: bool = False  # nobody has said that the file has a header, and this one has something like a value


class Piece(NamedTuple):
    """Some rows. Each column has a value for every place in `rows`; None, or in text nothing, is a missing one.

    `row_count` includes rows that could not be read, each of which is a Fault of its own.
    """

    columns: Mapping[str, Sequence[Any]]
    rows: Sequence[int]
    lines: Sequence[int] | None  # of text files
    row_count: int
    as_text: bool = False  # values are text that is still to be read as numbers


class Fault(NamedTuple):
    """What is wrong with the file itself. `rule` is header, row or encoding."""

    rule: str
    what: str
    row: int | None = None
    line: int | None = None
    column: str | None = None


Item = Head | Piece | Fault
Items = Iterator[Item]
