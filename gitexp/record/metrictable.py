"""CSV and TSV that a program wrote about its metrics, as blocks of rows. The first line is the header."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import IO

from gitexp.errors import counted
from gitexp.record.metricreader import BOM, MAX_LINE_BYTES, Reader, is_numeral, reason, shown
from gitexp.record.metrics import Number, Row, normal_name, parse_number
from gitexp.record.rowblocks import MOST_CELLS, MOST_ROWS, Block, blocks

_BLANK = frozenset({"", "na", "n/a", "none", "null", "-"})  # how CSV files say that there is no value
_LONGEST_CELL = 400
_OWN = ("step", "time_s")  # columns that are no metrics

Cells = list[str]


def read_table(reader: Reader, file: IO[bytes], *, start: int, tabs: bool) -> Iterator[Block]:
    """The rows from byte `start` on; the header is where the file begins, unless a new one follows there."""
    try:
        lines = _Lines(file)
        first = next(lines, "")
        delimiter = "\t" if tabs else max(",\t;", key=first.count)
        rows = csv.reader(chain([first], lines), delimiter=delimiter)
        header, line = _stripped(next(rows, [])), 2
        rest: Iterator[Cells] = rows
        known = rows.line_num
        if start:
            file.seek(start)
            line = 1
            ahead = next(rows, [])
            if _names_columns(ahead, header):
                header, line = _stripped(ahead), 2
            else:
                rest = chain([ahead], rows)
        if header and all(_cell(cell) is not None for cell in header):
            reader.problem(f"line 1 must name the columns: {shown(first.rstrip())}")
            return
        table = _Table(reader, header)
        lines_read = (lambda: rows.line_num - known) if start else (lambda: rows.line_num)
        yield from table.blocks(rest, line=line, lines_read=lines_read, whole=lambda: lines.whole)
        table.end()
    except (csv.Error, UnicodeDecodeError) as error:
        reader.problem(f"is not CSV: {reason(error)}")


class _Lines:
    """The lines of a file as text. `whole`: whether the last one came with its end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._first = True
        self.whole = True

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._file.readline(MAX_LINE_BYTES + 1)
        if not line:
            raise StopIteration
        if len(line) > MAX_LINE_BYTES:
            raise csv.Error(f"a line is longer than {MAX_LINE_BYTES} bytes")
        if self._first:
            line, self._first = line.removeprefix(BOM), False
        self.whole = line.endswith((b"\n", b"\r"))
        return line.decode()


class _Table:
    """The rows of a CSV file, column by column: whether a column is text shows only at its end."""

    def __init__(self, reader: Reader, header: Cells) -> None:
        self.reader, self.header = reader, header
        self.columns: list[tuple[int, str]] = []
        self.numbers = dict.fromkeys(header, 0)
        self.others = dict.fromkeys(header, 0)
        self.first_other: dict[str, tuple[str, int]] = {}
        self.own = {reader.step_key, *_OWN}
        for index, name in enumerate(header):
            if name and name in header[:index]:
                reader.problem(f"there are two columns {shown(name)}; the first is taken")
            elif name:  # the column without a name is the row number that pandas writes
                self.columns.append((index, name))

    def blocks(
        self, rows: Iterator[Cells], *, line: int, lines_read: Callable[[], int], whole: Callable[[], bool]
    ) -> Iterator[Block]:
        """`line`: the number of the first; `whole`: whether the one that was read last had an end."""
        width, most = len(self.header), max(1, min(MOST_ROWS, MOST_CELLS // max(1, len(self.header))))
        while True:
            some = list(islice(rows, most))
            if not some:
                return
            first_line, last_line, last = line, lines_read(), some[-1]
            line = last_line + 1
            if not whole() and last and (len(last) < width or not self.reader.completed):
                self.reader.torn(last_line)
                some.pop()
            if any(len(cells) != width for cells in some) or self.header in some:
                some = self._of_width(some, first_line)
            yield from self._block(some, first_line)

    def _of_width(self, some: list[Cells], line: int) -> list[Cells]:
        kept = []
        for at, cells in enumerate(some, line):
            if len(cells) == len(self.header):
                if _stripped(cells) != self.header:  # several runs, or phases, in one file
                    kept.append(cells)
            elif cells:
                self.reader.problem(f"line {at} has {len(cells)} cells, the header has {len(self.header)}")
        return kept

    def _block(self, some: list[Cells], line: int) -> Iterator[Block]:
        if not some:
            return
        across = list(zip(*some, strict=True))
        found = {name: self._numbers(name, across[index], line) for index, name in self.columns}
        columns = {self.reader.name(name): column for name, column in found.items() if name not in self.own}
        columns.pop("", None)
        columns = {name: column for name, column in columns.items() if any(cell is not None for cell in column)}
        nothing: list[Number | None] = [None] * len(some)
        steps, times = found.get(self.reader.step_key, nothing), found.get("time_s", nothing)
        self.reader.had_step = self.reader.had_step or steps is not nothing
        plain = set(map(type, steps)) <= {int, type(None)} and all(t is None or t - t == 0 for t in times)
        if plain and any(None not in column for column in columns.values()):
            floats = [None if time is None else float(time) for time in times]
            yield Block(steps, floats, _first_logged(columns))  # type: ignore[arg-type]
            return
        yield from blocks(self._rows(steps, times, columns, line))

    def _rows(
        self, steps: list[Number | None], times: list[Number | None], columns: dict[str, list[Number | None]], line: int
    ) -> Iterator[Row]:
        for at, (step, time_s) in enumerate(zip(steps, times, strict=True)):
            where = f"line {line + at}: "
            yield Row(
                None if step is None else self.reader.step(step, where),
                None if time_s is None else self.reader.time_s(time_s, where),
                {name: column[at] for name, column in columns.items() if column[at] is not None},  # type: ignore[misc]
            )

    def _numbers(self, name: str, cells: tuple[str, ...], line: int) -> list[Number | None]:
        quick = _at_once(cells)
        if quick is not None:
            self.numbers[name] += len(cells)
            return quick
        column: list[Number | None] = []
        for at, cell in enumerate(map(str.strip, cells)):
            known = None if cell.lower() in _BLANK else _cell(cell)
            column.append(known)
            if known is not None:
                self.numbers[name] += 1
                if type(known) is float and cell.lstrip("+-").isdigit():
                    self.reader.beyond(f"line {line + at}: ", name, cell)
            elif cell.lower() not in _BLANK:
                self.others[name] += 1
                self.first_other.setdefault(name, (cell, line + at))
        return column

    def end(self) -> None:
        """Say which columns were no numbers."""
        for _, name in self.columns:
            if not self.others[name]:
                continue
            cell, line = self.first_other[name]
            self.reader.texts.setdefault(normal_name(name), f"{shown(cell)} in line {line}")
            if self.numbers[name] or name in self.own or is_numeral(cell):
                count = self.others[name]
                cells = counted(count, "cell is not a number", "cells are not numbers")
                hint = ": numbers are read as 1234.5" if is_numeral(cell) else ""
                self.reader.problem(f"column {shown(name)}: {cells}: {shown(cell)} in line {line}{hint}")
        doubtful = [name for _, name in self.columns if _cell(name) is not None and self.numbers[name]]
        sure = any(self.numbers[name] for _, name in self.columns if _cell(name) is None)
        if doubtful and not sure:
            what = f"line 1 was taken for the header, though {shown(doubtful[0])} in it is a number"
            self.reader.problem(f"{what} and no name in it has numbers below; if it is a row, write a header above it")


def _first_logged(columns: dict[str, list[Number | None]]) -> dict[str, list[Number | None]]:
    """In the order of the first row with a value; by column within a row."""
    return dict(sorted(columns.items(), key=lambda one: next(at for at, v in enumerate(one[1]) if v is not None)))


def _names_columns(cells: Cells, header: Cells) -> bool:
    """Whether a line in the middle is a header of its own: no number in it, and names like those that are known."""
    return not any(_cell(cell) is not None for cell in _stripped(cells)) and bool({*_stripped(cells)} & {*header})


def _stripped(cells: Cells) -> Cells:
    return [cell.strip() for cell in cells]


def _at_once(cells: tuple[str, ...]) -> list[Number | None] | None:
    """A column of whole numbers, or of none, as nearly all are; None: each cell must be looked at."""
    joined = "".join(cells)
    if "_" in joined or max(map(len, cells)) > _LONGEST_CELL:  # Python would read 1_000
        return None
    try:
        whole = list(map(int, cells))
    except ValueError:
        try:
            floats = list(map(float, cells))
        except ValueError:
            return None
        return None if any(map(float.is_integer, floats)) else list(floats)
    return list(whole) if all(-(2**63) <= value < 2**63 for value in whole) else None


def _cell(text: str) -> Number | None:
    low = text.lower()
    if low in ("true", "false"):
        return int(low == "true")
    if "_" in text or len(text) > _LONGEST_CELL:
        return None
    return parse_number(text)
