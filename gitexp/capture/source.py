"""One training of what a file holds: its rows and its settings, taken when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gitexp.record.metricreader import Reader
from gitexp.record.rowblocks import Block

SEVERAL = "trainings in one program"  # in the defect that says so
TORN = "the last record is not whole, so it was left out (was the program killed?)"


class Source(NamedTuple):
    """`label` tells the trainings of one file apart; it is "" where there can be but one."""

    label: str
    blocks: Callable[[Reader], Iterator[Block]]
    settings: Callable[[Reader], dict[str, Any] | None] = lambda reader: None  # flat, by dotted names; None: none found
