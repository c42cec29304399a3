"""W&B's own file of a run, run-ID.wandb, which is all that an offline run has: its history, summary and configuration.

The file is a log as LevelDB has it: blocks of 32 KiB, in them pieces of records, each with a checksum. A record is a
protocol buffer; values in it are JSON. The step is W&B's own.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import IO, Any, NamedTuple

from gitexp.capture.source import TORN
from gitexp.capture.steps import without_epoch
from gitexp.capture.wire import BYTES, Malformed, fields, within
from gitexp.record.metricreader import DEEPEST, Reader
from gitexp.record.metrics import MAX_METRICS, Row
from gitexp.record.rowblocks import Block, blocks
from gitexp.script import flattened

BLOCK = 1 << 15
LONGEST = 16 * 2**20  # of a record
LONGEST_VALUE = 1 << 18  # as JSON
_BEGIN, _PIECE = 7, 7  # bytes at the beginning of the file, and before each piece
_FULL, _FIRST, _LAST = 1, 2, 4
_HISTORY, _SUMMARY, _CONFIG, _RUN = 2, 3, 5, 17  # of a Record
_RUN_CONFIG = 4  # of a RunRecord
_UPDATE, _REMOVE = 1, 2  # of the first three: items that are set; in all but the history, those that are not any more
_KEY, _NESTED, _JSON = 1, 2, 16  # of an item

Items = dict[str, Any]


class Change(NamedTuple):
    """What a record says: items of the history, of the summary or of the configuration."""

    of: int
    items: Items
    removed: Items


def read(reader: Reader, file: IO[bytes], *, path: Path, start: int, timed: bool = False) -> Iterator[Block]:
    """A row for each step, and one without a step for what only the summary has. `timed`: with times since `init`."""
    yield from without_epoch(blocks(_rows(reader, file, timed)), stepped=True)


def _rows(reader: Reader, file: IO[bytes], timed: bool) -> Iterator[Row]:
    summary: Items = {}
    logged: set[str] = set()
    for change in _changes(reader, file):
        if change.of == _SUMMARY:
            _apply(change, summary)
        elif change.of == _HISTORY:
            values = _metrics(change.items)
            if len(logged) < 2 * MAX_METRICS:
                logged.update(values)
            time_s = change.items.get("_runtime") if timed else None
            yield from reader.row({**values, "step": change.items.get("_step"), "time_s": time_s}, "")
    yield from reader.row({name: value for name, value in _metrics(summary).items() if name not in logged}, "")


def _metrics(items: Items) -> Items:
    """In the order of their names, since W&B has none. Pictures and histograms are objects with a `_type`."""
    flat = dict(flattened(items, deepest=DEEPEST))
    media = {name.removesuffix("_type") for name in flat if name.endswith("._type")}
    found: Items = {}
    for name in sorted(flat):
        inside = accumulate(name.split(".")[:-1], lambda before, part: f"{before}.{part}")
        if (
            not name.startswith("_")
            and name not in ("step", "time_s")
            and media.isdisjoint(f"{one}." for one in inside)
        ):
            found[name] = flat[name]
    return found


def settings(reader: Reader, file: IO[bytes], *, path: Path) -> Items | None:
    """What the program put into wandb.config, flat."""
    found: Items = {}
    for change in _changes(reader, file):
        if change.of == _CONFIG:
            _apply(change, found)
    known = {name: value for name, value in found.items() if not name.startswith("_wandb")}
    return dict(flattened(known, deepest=DEEPEST)) or None


def _apply(change: Change, table: Items) -> None:
    for name, value in change.items.items():
        if name in table or len(table) < MAX_METRICS:
            table[name] = value
    for name in change.removed:
        table.pop(name, None)


# ---- records


def _items(data: bytes, at: int, end: int) -> tuple[Items, Items]:
    """What a history, a summary or a configuration sets, and, of the latter two, what it removes."""
    both: tuple[Items, Items] = ({}, {})
    for number, kind, begin, stop in fields(data, at, end):
        if number in (_UPDATE, _REMOVE) and kind == BYTES:
            names, text = [], "null"
            for part, of, first, last in fields(data, begin, stop):
                if of == BYTES and part in (_KEY, _NESTED, _JSON):
                    decoded = data[first:last].decode(errors="replace")
                    if part == _JSON:
                        text = decoded if last - first <= LONGEST_VALUE else "null"
                    else:
                        names.append(decoded)
            with suppress(ValueError, RecursionError):  # of one value that cannot be read nothing else is lost
                both[number - 1][".".join(names)] = json.loads(text)
    return both


def _changes(reader: Reader, file: IO[bytes]) -> Iterator[Change]:
    if file.read(_BEGIN)[:4] != b":W&B":
        reader.problem("is no file of W&B's")
        return
    for data in records(reader, file):
        try:
            yield from _said(data)
        except Malformed:
            reader.problem("a record is damaged: it was left out")


def _said(data: bytes) -> Iterator[Change]:
    for number, kind, at, end in fields(data, 0, len(data)):
        if kind == BYTES and number in (_HISTORY, _SUMMARY, _CONFIG):
            yield Change(number, *_items(data, at, end))
        elif kind == BYTES and number == _RUN:
            for first, last in within(data, at, end, (_RUN_CONFIG,)):
                yield Change(_CONFIG, *_items(data, first, last))


def records(reader: Reader, file: IO[bytes]) -> Iterator[bytes]:
    """The records, put together. What follows damage is not believed."""
    at, pieces, size = _BEGIN, list[bytes](), 0
    while True:
        if BLOCK - at % BLOCK < _PIECE:
            file.seek(at := at + BLOCK - at % BLOCK)
        head = file.read(_PIECE)
        length = int.from_bytes(head[4:6], "little")
        data = file.read(length)
        if len(head) < _PIECE or len(data) < length:
            if head or pieces:
                reader.notes.append(f"{reader.source}: {TORN}")
            return
        kind = head[6]
        if zlib.crc32(data, zlib.crc32(head[6:])) != int.from_bytes(head[:4], "little"):
            reader.problem(f"is damaged at byte {at}: what follows was not read")
            return
        at += _PIECE + length
        if kind in (_FULL, _FIRST):
            pieces, size = [], 0
        size += length
        if size <= LONGEST:
            pieces.append(data)
        if kind in (_FULL, _LAST):
            if size <= LONGEST:
                yield b"".join(pieces)
            else:
                reader.problem(f"a record of {size} bytes before byte {at} was not looked into")
            pieces, size = [], 0
