"""A dataset and its Contract to all Violations at once, each with file, row and column, and counts for the record.

One pass, in constant memory, but for `unique` (all values of the field), `count` and quantiles: those are exact up to a
million values, and beyond from a sample of a million that is the same on every machine (see `quantiles`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp.spec.contract import Contract, FieldRule
from gitexp.tables.contracts.fieldcheck import FieldCheck, Place
from gitexp.tables.contracts.violations import Report, Violation
from gitexp.tables.rows.readers.pieces import Damaged, Fault, Head, Items, Options, Piece
from gitexp.tables.rows.tables import Listing, Part, list_parts, read_part
from gitexp.text.schema import near

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress


class CheckResult(NamedTuple):
    """What a check found. At most ten violations are listed for each rule and column; `found` counts all.

    `counts`: `rows`, and rows by slice, as `label=3`: of fields with `values`, `shares` or `count`, and of the folders
    of pictures.
    """

    violations: tuple[Violation, ...]
    counts: Mapping[str, int]
    found: int


def check_contract(path: Path, contract: Contract, *, progress: Progress | None = None) -> CheckResult:
    """Hold a file or folder against its contract. Raises Refused where no reader fits, or one is not installed."""
    return _Check(list_parts(path, contract.format), contract, progress).run()


class _Check:
    def __init__(self, listing: Listing, contract: Contract, progress: Progress | None) -> None:
        self.kind, self.parts = listing.kind, listing.parts
        self.contract, self.progress = contract, progress
        self.report = Report()
        rules = dict(contract.fields)
        if self.kind == "images":
            rules.setdefault("label", FieldRule("label", family="text", missing=1.0))
            rules["label"] = rules["label"]._replace(counted=True)
        self.fields = {name: FieldCheck(rule, self.report) for name, rule in rules.items()}
        self.rows = 0
        self.rows_of: dict[str, int] = {}  # of arrays, each of which is a field
        self.extra: set[str] = set()
        for problem in listing.problems:
            self.report.add("file", problem)

    def run(self) -> CheckResult:
        wanted = frozenset(self.fields) if self.contract.fields or self.kind == "images" else None
        if self.kind == "jsonl" and self._refuses_extra():
            wanted = None  # which fields there are shows only in the rows
        options = Options(header=self.contract.header, fields=wanted, moved=self._moved)
        if self.progress is not None:
            size = sum(_size(part) for part in self.parts)
            self.progress.expect(files=len(self.parts), size_bytes=size)
        for part in self.parts:
            try:
                self._read(part, read_part(part, self.kind, options))
            except Damaged as error:
                self.report.add("file", str(error), file=part.name)
            if self.progress is not None:
                self.progress.advance(files=1, size_bytes=0)
        self._finish()
        counts = {"rows": self.rows}
        for name, check in self.fields.items():
            counts |= {f"{name}={label}": count for label, count in check.counts().items()}
        return CheckResult(self.report.violations(), counts, self.report.found)

    def _moved(self, size_bytes: int) -> None:
        if self.progress is not None:
            self.progress.advance(files=0, size_bytes=size_bytes)

    def _refuses_extra(self) -> bool:
        return bool(self.contract.fields) and self.contract.extra_fields == "refuse" and self.kind != "images"

    def _read(self, part: Part, items: Items) -> None:
        for item in items:
            if isinstance(item, Head):
                self._head(part, item)
            elif isinstance(item, Fault):
                self.report.add(item.rule, item.what, file=part.name, row=item.row, line=item.line, column=item.column)
            else:
                self._piece(part, item)

    def _head(self, part: Part, head: Head) -> None:
        if head.shape is not None and head.fields is not None:
            name = head.fields[0]
            self.rows_of[name] = self.rows_of.get(name, 0) + head.shape[0]
        if head.fields is None:
            return
        names = [name for name in self.fields if name in self.contract.fields]
        if self.kind != "npy":
            for name in names:
                if name not in head.fields:
                    what = f"there is no such column{near(name, head.fields)}"
                    self.report.add("header", what, file=part.name, column=name)
        if self._refuses_extra():
            for name in dict.fromkeys(head.fields):
                if name not in self.fields:
                    self._extra(part, name)
        for name, check in self.fields.items():
            if name in head.fields:
                check.start(part.name, head.dtypes.get(name), head.shape)

    def _extra(self, part: Part, name: str, row: int | None = None, line: int | None = None) -> None:
        if name not in self.extra:
            self.extra.add(name)
            what = f"the contract knows no such field{near(name, self.fields)}"
            self.report.add("fields", what, file=part.name, column=name, row=row, line=line)

    def _piece(self, part: Part, piece: Piece) -> None:
        self.rows += piece.row_count
        place = Place(part.name, piece.rows, piece.lines)
        for name, values in piece.columns.items():
            check = self.fields.get(name)
            if check is not None:
                check.take(values, place, as_text=piece.as_text)
            elif self.kind == "jsonl" and self._refuses_extra():
                self._extra_in_rows(part, name, values, place)
        if self.kind == "jsonl" and piece.rows:
            for name, check in self.fields.items():
                if name not in piece.columns:
                    check.take([None] * len(piece.rows), place, as_text=False)

    def _extra_in_rows(self, part: Part, name: str, values: object, place: Place) -> None:
        if name in self.extra or not isinstance(values, list):
            return
        first = next((at for at, value in enumerate(values) if value is not None), 0)
        self._extra(part, name, *place.at(first))

    def _finish(self) -> None:
        if self.kind == "npy":
            for name in self.contract.fields:
                if name not in self.rows_of:
                    self.report.add("header", f"there is no such array{near(name, self.rows_of)}", column=name)
            self.rows = max(self.rows_of.values(), default=0)
            if len(set(self.rows_of.values())) > 1:
                shown = ", ".join(f"{name} has {count:,}" for name, count in sorted(self.rows_of.items()))
                self.report.add("rows", f"the arrays have different numbers of rows: {shown}")
        low, high = self.contract.rows
        if low is not None and self.rows < low:
            self.report.add("rows", f"{self.rows:,} rows, and there must be at least {low:,}")
        if high is not None and self.rows > high:
            self.report.add("rows", f"{self.rows:,} rows, and there may be at most {high:,}")
        if not self.parts:
            self.report.add("file", f"there are no files of the format {self.kind}")
        for check in self.fields.values():
            check.finish()


def _size(part: Part) -> int:
    try:
        return part.path.stat().st_size
    except OSError:
        return 0
