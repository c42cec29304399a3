"""JSON lines to pieces of typed values. Nested objects become dotted fields; what a row lacks is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gitexp.tables.rows.readers.pieces import PIECE_ROWS, Damaged, Fault, Head, Items, Options, Piece
from gitexp.tables.rows.readers.textblocks import TextLines, damage_in

MOST_FIELDS = 4096
DEEPEST = 32
PIECE_CHARACTERS = 1 << 22


def read(path: Path, options: Options) -> Items:
    """The fields of a file, in the order in which they first come."""
    yield Head(None)
    lines = TextLines(path, options, newline="\n")
    known: dict[str, None] = {}
    at = 0
    for batch in _batches(lines):
        objects: list[dict[str, Any]] = []
        places: list[int] = []
        of_lines: list[int] = []
        begin = at
        for number, line in batch:
            problem, row = _row(line, suspicious=lines.suspicious)
            if problem:
                yield Fault("row", problem, row=at, line=number)
            else:
                objects.append(row)
                places.append(at)
                of_lines.append(number)
            at += 1
        for row in objects:
            known.update(dict.fromkeys(row))
        if len(known) > MOST_FIELDS:
            raise Damaged(f"has more than {MOST_FIELDS:,} different fields: are some of them values?")
        names = [name for name in known if options.fields is None or name in options.fields]
        columns = {name: [row.get(name) for row in objects] for name in names}
        yield Piece(columns, places, of_lines, at - begin)


def _batches(lines: TextLines) -> Iterator[list[tuple[int, str]]]:
    batch: list[tuple[int, str]] = []
    size = 0
    for number, line in enumerate(lines, 1):
        if not line.isspace():
            batch.append((number, line))
            size += len(line)
            if len(batch) >= PIECE_ROWS or size > PIECE_CHARACTERS:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _row(line: str, *, suspicious: bool) -> tuple[str | None, dict[str, Any]]:
    damage = damage_in(line) if suspicious else None
    if damage:
        return damage, {}
    try:
        row = json.loads(line.strip())
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at column {error.colno}", {}
    except RecursionError:
        return "nested too deeply", {}
    except ValueError as error:  # an integer of more than 4,300 digits
        return f"not read: {error}", {}
    if not isinstance(row, dict):
        return "not a JSON object", {}
    if any(isinstance(value, dict) for value in row.values()):
        flat: dict[str, Any] = {}
        if not _flatten(row, "", flat, DEEPEST):
            return f"objects nested more than {DEEPEST} deep", {}
        return None, flat
    return None, row


def _flatten(row: dict[str, Any], before: str, flat: dict[str, Any], depth: int) -> bool:
    for key, value in row.items():
        if isinstance(value, dict) and value:
            if depth == 0 or not _flatten(value, f"{before}{key}.", flat, depth - 1):
                return False
        else:
            flat[before + key] = value
    return True
