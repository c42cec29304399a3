"""A dataset to a Description: what was seen of it, field by field.

Two passes over the rows: which dtype fits each field, then everything else. Quantiles, skew, histograms and counts of
outliers are of all values up to 65,536 in a field, beyond of a sample that is the same on every machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.errors import Refused
from gitexp.tables.contracts.description import Description, FieldDescription
from gitexp.tables.contracts.fieldcheck import Place
from gitexp.tables.contracts.fieldshape import Shape, Typing
from gitexp.tables.rows.readers.pieces import Damaged, Fault, Head, Items, Options, Piece
from gitexp.tables.rows.tables import Listing, Part, column, list_parts, read_part

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress


def describe(
    path: Path,
    *,
    kind: str | None = None,
    header: bool | None = None,
    splits: Mapping[str, Sequence[int]] | None = None,
    progress: Progress | None = None,
) -> Description:
    """Look at a whole dataset. `splits`: row numbers by split. Raises Refused: no table, or a damaged one."""
    listing = list_parts(path, kind)
    if not listing.parts:
        raise Refused(f"{path} holds no files of the format {listing.kind}")
    if progress is not None:
        progress.expect(files=2 * len(listing.parts), size_bytes=0)
    reading = _Reading(listing, Options(header=header, fields=_fields_to_read(listing.kind)), progress)
    reading.type_fields()
    reading.take_values()
    fields = tuple(shape.described() for shape in reading.shapes.values())
    by_label = {}
    for name, rows in (splits or {}).items():
        by_label[name] = {
            field.name: _counted(column(path, field.name, kind=listing.kind, header=header), rows, field)
            for field in fields
            if field.labels is not None
        }
    sizes = {name: len(rows) for name, rows in (splits or {}).items()}
    return Description(listing.kind, len(listing.parts), reading.rows, fields, by_label, sizes, reading.faults)


class _Reading:
    def __init__(self, listing: Listing, options: Options, progress: Progress | None) -> None:
        self.listing, self.options, self.progress = listing, options, progress
        self.typings: dict[str, Typing] = {}
        self.shapes: dict[str, Shape] = {}
        self.rows = self.faults = 0
        self._rows_of: Counter[str] = Counter()

    def type_fields(self) -> None:
        """The first pass."""
        for part in self.listing.parts:
            for item in self._items(part):
                if isinstance(item, Head):
                    self._head(item)
                elif isinstance(item, Fault):
                    self.faults += 1
                else:
                    for name, values in item.columns.items():
                        self.typings.setdefault(name, Typing()).take(values, as_text=item.as_text)

    def take_values(self) -> None:
        """The second pass."""
        self.shapes = {name: Shape(name, typing) for name, typing in self.typings.items()}
        for part in self.listing.parts:
            for item in self._items(part):
                if isinstance(item, Piece):
                    self._piece(part.name, item)
        if self._rows_of:
            self.rows = max(self._rows_of.values())

    def _head(self, head: Head) -> None:
        for name in head.fields or ():
            typing = self.typings.setdefault(name, Typing())
            typing.declared = head.dtypes.get(name) if self.listing.kind == "npy" else None
            if head.shape is not None:
                typing.shape = head.shape if len(head.shape) > 1 else typing.shape
                self._rows_of[name] += head.shape[0]

    def _piece(self, file: str, piece: Piece) -> None:
        place = Place(file, piece.rows, piece.lines)
        self.rows += piece.row_count
        for name, shape in self.shapes.items():
            if name in piece.columns:
                shape.take(piece.columns[name], place, as_text=piece.as_text)
            elif self.listing.kind == "jsonl":
                shape.take([None] * len(piece.rows), place, as_text=False)

    def _items(self, part: Part) -> Items:
        try:
            yield from read_part(part, self.listing.kind, self.options)
        except Damaged as error:
            raise Refused(f"{part.name} {error}") from error
        if self.progress is not None:
            self.progress.advance(files=1, size_bytes=0)


def _fields_to_read(kind: str) -> frozenset[str] | None:
    """Pictures are opened only where Pillow is installed; their names and labels need nothing."""
    if kind != "images":
        return None
    from importlib.util import find_spec

    return None if find_spec("PIL") is not None else frozenset({"file", "label"})


def _counted(values: Sequence[str], rows: Sequence[int], field: FieldDescription) -> dict[str, int]:
    counted = Counter(values[row] for row in rows if row < len(values))
    assert field.labels is not None
    return {label: counted.get(label, 0) for label in field.labels}
