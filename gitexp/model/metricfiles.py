"""What programs write about their metrics, as rows: gitexp's own JSON lines, and JSON, JSON lines and CSV of others.

Problems come as sentences for the user, the first few and a count; what can be read is read all the same. A row has a
step only where the program wrote one: it is never guessed from the row's place.

In files of programs that know nothing of gitexp, text, arrays and whole columns of text are no metrics and no problem;
a column with numbers and text is both. In gitexp's own lines all but numbers, booleans and null is a problem.
"""

from __future__ import annotations

import io
import json
from typing import Any

from gitexp.model.metrics import MAX_METRICS, Number, Row, metric_name_problem, normal_name, number, parse_number

MAX_LINE_BYTES = 2**20
SHOWN_PROBLEMS = 3

Parsed = tuple[list[Row], tuple[str, ...]]

_BLANK = frozenset({"", "na", "n/a", "none", "null", "-"})  # how CSV files say that there is no value


def parse_lines(data: bytes, *, source: str = "GITEXP_METRICS") -> Parsed:
    """Rows of gitexp's own metric lines. A last line without its newline may be torn: left out."""
    reader = _Reader(source, strict=True)
    reader.lines(data)
    return reader.rows, reader.problems()


def parse_metric_file(name: str, data: bytes) -> Parsed:
    """Rows of a file that a program wrote, by its name's ending, else by its content; `name` begins each problem."""
    reader = _Reader(name, strict=False)
    ending = name.lower().rpartition(".")[2]
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    start = data[:4096].lstrip()[:1]
    if not data.strip():
        reader.problem("is empty")
    elif ending in ("jsonl", "ndjson"):
        reader.lines(data)
    elif ending == "json" or (ending not in ("csv", "tsv") and start in (b"{", b"[")):
        reader.json(data)
    else:
        reader.csv(data, tabs=ending == "tsv")
    if not reader.rows and not reader.problems():
        reader.problem("holds no numbers")
    return reader.rows, reader.problems()


class _Reader:
    """Collects the rows and problems of one file."""

    def __init__(self, source: str, *, strict: bool) -> None:
        self.source = source
        self.strict = strict
        self.rows: list[Row] = []
        self._names: dict[str, str] = {}  # as written: as recorded, or "" for one that is not
        self._shown: list[str] = []
        self._more = 0

    def problem(self, text: str) -> None:
        if len(self._shown) < SHOWN_PROBLEMS:
            self._shown.append(text)
        else:
            self._more += 1

    def problems(self) -> tuple[str, ...]:
        shown = [f"{self.source}: {text}" for text in self._shown]
        if self._more:
            shown.append(f"{self.source}: and {self._more} more like these")
        return tuple(shown)

    def lines(self, data: bytes) -> None:
        for count, line in enumerate(io.BytesIO(data), 1):
            if len(line) > MAX_LINE_BYTES:
                self.problem(f"line {count} is longer than {MAX_LINE_BYTES} bytes")
                continue
            try:
                table = json.loads(line.decode())
            except (ValueError, RecursionError) as error:
                if line.strip() and line.endswith(b"\n"):
                    self.problem(f"line {count} is not JSON: {_reason(error)}")
                continue
            if isinstance(table, dict):
                self.add(table, f"line {count}: ")
            else:
                self.problem(f"line {count} is not a JSON object: {_shown(table)}")

    def json(self, data: bytes) -> None:
        try:
            document = json.loads(data.decode())
        except json.JSONDecodeError as error:
            if error.msg == "Extra data":  # JSON lines under the name of JSON
                self.lines(data)
            else:
                self.problem(f"line {error.lineno} is not JSON: {error.msg}")
            return
        except (ValueError, RecursionError) as error:
            self.problem(f"is not JSON: {_reason(error)}")
            return
        for count, table in enumerate(document if isinstance(document, list) else [document], 1):
            if isinstance(table, dict):
                self.add(table, f"entry {count}: " if isinstance(document, list) else "")
            else:
                self.problem(f"entry {count} is not a JSON object: {_shown(table)}")

    def add(self, table: dict[str, Any], where: str) -> None:
        """One row from one JSON object."""
        values: dict[str, Number] = {}
        step: int | None = None
        time_s: float | None = None
        for key, value in table.items():
            if value is None:
                continue
            if key == "step":
                step = self.step(value, where)
            elif key == "time_s":
                time_s = self.time_s(value, where)
            elif type(value) is float and key in self._names:  # nearly every value
                values[self._names[key]] = value
            else:
                self.take(key, value, values, where)
        values.pop("", None)
        if values:
            self.rows.append(Row(step, time_s, values))

    def take(self, key: str, value: object, values: dict[str, Number], where: str) -> None:
        if isinstance(value, dict):
            if len(key) > 128:  # which also bounds the depth
                self.problem(f"{where}{key[:20]!r}… is nested too deep")
                return
            for inner, one in value.items():
                self.take(f"{key}.{inner}", one, values, where)
            return
        known = number(value)
        if known is not None:
            values[self.name(key)] = known
        elif value is not None and (self.strict or isinstance(value, int)):
            self.problem(f"{where}{_shown(key)} is not a number: {_shown(value)}")

    def name(self, key: str) -> str:
        """The metric's name, or "" for one that cannot be recorded, which is a problem once."""
        known = self._names.get(key)
        if known is None:
            known = normal_name(key)
            problem = metric_name_problem(known)
            if problem is None and len(self._names) >= MAX_METRICS:
                problem = f"more than {MAX_METRICS} different metrics"
            if problem:
                known = ""
                self.problem(f"metric {_shown(key)} is not recorded: {problem}")
            if len(self._names) < 2 * MAX_METRICS:
                self._names[key] = known
        return known

    def step(self, value: object, where: str) -> int | None:
        known = None if isinstance(value, bool) else number(value)
        if isinstance(known, float) and known.is_integer() and abs(known) < 2**53:
            return int(known)  # a column of integers with gaps is written with .0 by pandas
        if isinstance(known, int):
            return known
        self.problem(f"{where}step is not an integer: {_shown(value)}")
        return None

    def time_s(self, value: object, where: str) -> float | None:
        known = None if isinstance(value, bool) else number(value)
        if known is not None and known - known == 0:
            return float(known)
        self.problem(f"{where}time_s is not a number of seconds: {_shown(value)}")
        return None

    def csv(self, data: bytes, *, tabs: bool) -> None:
        import csv

        try:
            text = data.decode()
            first = text[: text.find("\n")] if "\n" in text else text
            delimiter = "\t" if tabs else max(",\t;", key=first.count)
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            header = [cell.strip() for cell in next(reader)]
            if all(_cell(cell) is not None for cell in header):
                self.problem(f"line 1 must name the columns: {_shown(first)}")
                return
            table = _Table(self, header)
            for cells in reader:
                if len(cells) == len(header):
                    table.add(cells, reader.line_num)
                elif len(cells) > len(header) or (cells and text.endswith(("\n", "\r"))):
                    self.problem(f"line {reader.line_num} has {len(cells)} cells, the header has {len(header)}")
            table.end()
        except (csv.Error, UnicodeDecodeError) as error:
            self.problem(f"is not CSV: {_reason(error)}")


class _Table:
    """The rows of a CSV file, column by column: whether a column is text shows only at its end."""

    def __init__(self, reader: _Reader, header: list[str]) -> None:
        self.reader = reader
        self.columns: list[tuple[int, str]] = []
        self.numbers = dict.fromkeys(header, 0)
        self.others = dict.fromkeys(header, 0)
        self.first_other: dict[str, str] = {}
        for index, name in enumerate(header):
            if name and name in header[:index]:
                reader.problem(f"there are two columns {_shown(name)}; the first is taken")
            elif name:  # the column without a name is the row number that pandas writes
                self.columns.append((index, name))

    def add(self, cells: list[str], line: int) -> None:
        row: dict[str, Number] = {}
        for index, name in self.columns:
            cell = cells[index].strip()
            if cell.lower() in _BLANK:
                continue
            known = _cell(cell)
            if known is None:
                self.others[name] += 1
                self.first_other.setdefault(name, f"{_shown(cell)} in line {line}")
            else:
                self.numbers[name] += 1
                row[name] = known
        self.reader.add(row, f"line {line}: ")

    def end(self) -> None:
        for _, name in self.columns:
            if self.others[name] and (self.numbers[name] or name in ("step", "time_s")):
                cells = (
                    "1 cell is not a number" if self.others[name] == 1 else f"{self.others[name]} cells are not numbers"
                )
                self.reader.problem(f"column {_shown(name)}: {cells}: {self.first_other[name]}")


def _cell(text: str) -> Number | None:
    low = text.lower()
    if low in ("true", "false"):
        return int(low == "true")
    if "_" in text or len(text) > 400:  # Python would read 1_000
        return None
    return parse_number(text)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _reason(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deep"
    return str(error)
