"""A dataset to its rows: which reader fits, how many rows there are, one column, or all in pieces. Constant memory.

Rows have one order on every machine: files by the bytes of their paths, rows as they stand in the file. A header is no
row, and neither is a blank line; a row that cannot be read is one. Of pictures, each file is a row. Arrays (.npy) of
one name, or of one name and numbers such as `x-00000.npy`, follow one another as one field; other names are other
fields. Files of no kind that is known, a README beside the tables, say, are passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.walk import Problem, walk
from gitexp.errors import Refused
from gitexp.record.manifest import display
from gitexp.spec.contract import label
from gitexp.tables.rows.readers.pieces import Damaged, Fault, Head, Items, Options, Piece
from gitexp.text.schema import near, quoted, spell

KINDS = {
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "jsonl": (".jsonl", ".ndjson"),
    "parquet": (".parquet", ".pq"),
    "npy": (".npy",),
    "images": (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"),
}
TEXT_KINDS = frozenset({"csv", "tsv", "jsonl"})


class Part(NamedTuple):
    """One file of a dataset. `name` is relative to its folder, for people."""

    path: Path
    name: str


class Listing(NamedTuple):
    """The files of one kind, in the order of their rows. `problems` are what has no bytes: broken links, sockets."""

    kind: str
    parts: tuple[Part, ...]
    problems: tuple[str, ...]


def kind_of(path: Path) -> str | None:
    """csv, tsv, jsonl, parquet, npy or images, by the names of the files; None where none fits, or more than one."""
    kinds = {_kind_of_name(found) for found, _ in _files(path) if isinstance(found, bytes)} - {None}
    return kinds.pop() if len(kinds) == 1 else None


def list_parts(path: Path, kind: str | None = None) -> Listing:
    """The files that are tables, of this kind or of the only one there is. Raises Refused where none fits."""
    found: dict[str, list[tuple[bytes, Path]]] = {}
    problems = []
    for name, where in _files(path):
        if isinstance(name, Problem):
            problems.append(name.what)
            continue
        of = kind if path.is_file() and kind else _kind_of_name(name)
        if of is not None:
            found.setdefault(of, []).append((name, where))
    if kind is None:
        if len(found) != 1:
            raise _no_kind(path, sorted(found))
        kind = next(iter(found))
    parts = tuple(Part(where, display(name)) for name, where in sorted(found.get(kind, [])))
    return Listing(kind, parts, tuple(sorted(problems)))


def read_part(part: Part, kind: str, options: Options) -> Items:
    """A file in pieces. Raises Damaged where it cannot be read on, Refused where its reader is not installed."""
    try:
        if kind in ("csv", "tsv"):
            from gitexp.tables.rows.readers import delimited

            yield from delimited.read(part.path, options._replace(tabs=kind == "tsv"))
        elif kind == "jsonl":
            from gitexp.tables.rows.readers import jsonlines

            yield from jsonlines.read(part.path, options)
        elif kind == "parquet":
            from gitexp.tables.rows.readers import parquet

            yield from parquet.read(part.path, options)
        elif kind == "npy":
            from gitexp.tables.rows.readers import npy

            yield from npy.read(part.path, options)
        else:
            from gitexp.tables.rows.readers import images

            opened = options.fields is None or bool(options.fields & images.OPENED_FIELDS)
            yield Head(images.FIELDS if opened else ("file", "label"))
            row = images.row_of(part.path, part.name, opened=opened)
            options.moved(part.path.stat().st_size)
            yield Piece({name: [value] for name, value in row.items()}, (0,), None, 1)
    except OSError as error:
        raise Damaged(f"cannot be read: {error.strerror or error}") from error


def header_doubt(path: Path, *, kind: str | None, header: bool | None) -> str | None:
    """What to say where a first line was taken for a header, and may be a row. `header`: the contract's."""
    with suppress(Refused, Damaged):  # no tables; or whoever reads the rows says it
        listing = list_parts(path, kind)
        if header is not None or listing.kind not in ("csv", "tsv"):
            return None
        for part in listing.parts:
            items = read_part(part, listing.kind, Options(fields=frozenset()))
            if next((item.may_be_row for item in items if isinstance(item, Head)), False):
                return (
                    f"the first line of {part.name} was taken for its header, and is no row, though it has a number or"
                    " a date; in the contract, header = false makes it a row, and header = true ends this warning"
                )
    return None


def row_count(path: Path, *, kind: str | None = None, header: bool | None = None) -> int:
    """How many rows a dataset has. Raises Refused: no table, or a damaged one."""
    listing = list_parts(path, kind)
    if listing.kind == "images":
        return len(listing.parts)
    options = Options(header=header, fields=frozenset())
    counts: dict[str, int] = {}
    for part in listing.parts:
        of = _field_of(part) if listing.kind == "npy" else ""
        counts[of] = counts.get(of, 0) + _rows_in(part, listing.kind, options)
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{name} has {count}" for name, count in sorted(counts.items()))
        raise Refused(f"The arrays in {_shown(path)} have different numbers of rows: {shown}")
    return next(iter(counts.values()), 0)


def column(path: Path, name: str, *, kind: str | None = None, header: bool | None = None) -> list[str]:
    """The values of one field as text, one for each row, "" for a missing one. Raises Refused.

    CSV is not interpreted: `03` stays `03`. Of pictures, `label` is the name of the folder and `file` the path.
    """
    listing = list_parts(path, kind)
    options = Options(header=header, fields=frozenset({name}))
    values: list[str] = []
    for part in listing.parts:
        if listing.kind == "npy" and _field_of(part) != name:
            continue
        values += _column_of(part, listing.kind, name, options)
    if listing.kind == "npy" and not values:
        fields = {_field_of(part) for part in listing.parts}
        raise Refused(f"{_shown(path)} has no array {quoted(name)}{near(name, sorted(fields))}")
    return values


def _rows_in(part: Part, kind: str, options: Options) -> int:
    count = 0
    try:
        for item in read_part(part, kind, options):
            if isinstance(item, Head) and item.rows is not None:
                return item.rows
            count += item.row_count if isinstance(item, Piece) else 0
    except Damaged as error:
        raise Refused(f"The rows of {part.name} cannot be counted: it {error}") from error
    return count


def _column_of(part: Part, kind: str, name: str, options: Options) -> Iterator[str]:
    shown, seen = quoted(name), False
    fields: tuple[str, ...] = ()
    try:
        for item in read_part(part, kind, options):
            if isinstance(item, Head):
                fields = item.fields or ()
                if item.fields is not None and name not in fields:
                    known = f"; it has {', '.join(fields[:20])}" if len(fields) <= 20 else ""
                    raise Refused(f"{part.name} has no column {shown}{near(name, fields) or known}")
                if item.shape is not None and len(item.shape) > 1:
                    raise Refused(f"{part.name} has {len(item.shape)} dimensions: it is no column of labels")
            elif isinstance(item, Fault):
                if item.rule != "encoding" or item.column == name:
                    where = part.name if item.line is None else f"{part.name}:{item.line}"
                    raise Refused(f"Column {shown} cannot be read from {where}: {item.what}")
            elif name in item.columns:
                seen = True
                values = item.columns[name]
                yield from values if item.as_text else ("" if value is None else label(value) for value in values)
            else:  # of JSON lines: not yet, or never
                yield from [""] * item.row_count
    except Damaged as error:
        raise Refused(f"Column {shown} cannot be read: {part.name} {error}") from error
    if not seen and kind == "jsonl":
        raise Refused(f"No row of {part.name} has the field {shown}")


def _files(path: Path) -> Iterator[tuple[bytes | Problem, Path]]:
    """Files by their relative path, without hidden ones; what has no bytes as a Problem."""
    root = os.fsencode(path)
    folder = os.path.isdir(root)
    if not os.path.lexists(root):
        raise Refused(f"{_shown(path)} does not exist")
    for found in walk(root):
        if isinstance(found, Problem):
            yield found, path
        elif not folder:
            yield found.relative, path
        elif not any(name.startswith(b".") for name in found.relative.split(b"/")):
            yield found.relative, Path(os.fsdecode(os.path.join(root, found.relative)))


def _kind_of_name(name: bytes) -> str | None:
    low = name.lower().decode("utf-8", "replace")
    for kind, endings in KINDS.items():
        if low.endswith(endings) or (kind in TEXT_KINDS and low.removesuffix(".gz").endswith(endings)):
            return kind
    return None


def _field_of(part: Part) -> str:
    from gitexp.tables.rows.readers.npy import field_of

    return field_of(part.name)


def _no_kind(path: Path, found: Sequence[str]) -> Refused:
    known = ", ".join(f"*{endings[0]}" for endings in KINDS.values())
    if found:
        return Refused(
            f"{_shown(path)} holds tables of several kinds: {', '.join(found)}",
            fix=f"say in the contract which ones are meant: format = {spell(found[0])}",
        )
    return Refused(
        f"{_shown(path)} holds no table that gitexp can read",
        why=f"Known by their names: {known} and others; CSV, TSV and JSON lines also as .gz.",
        fix='rename it, or say in the contract what it is: format = "csv"',
    )


def _shown(path: Path) -> str:
    return display(os.fsencode(path))
