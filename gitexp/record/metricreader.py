"""What a program wrote about its metrics, as blocks of rows: JSON lines, gitexp's own and those of others, and JSON.

Problems come as sentences for the user, the first few and a count; what can be read is read all the same. A row has a
step only where the program wrote one: it is never guessed from the row's place.

In files of programs that know nothing of gitexp, text, arrays and whole columns of text are no metrics and no problem;
a column, or a key of JSON lines, with numbers and text is both. In gitexp's own lines all but numbers, booleans and
null is a problem.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from typing import IO, Any

from gitexp.record.metricnames import holds_settings
from gitexp.record.metrics import MAX_METRICS, Number, Row, metric_name_problem, normal_name, number
from gitexp.record.rowblocks import Block, block_of_tables, blocks
from gitexp.script import flattened

MAX_LINE_BYTES = 2**20
MAX_DOCUMENT_BYTES = 64 * 2**20  # what is no line and no element of an array is parsed whole
SHOWN_PROBLEMS = 3
DEEPEST = 64  # objects in objects: a name has at most 128 bytes
CHUNK = 1 << 18

BOM = b"\xef\xbb\xbf"
_NUMERAL = r"[+-]?(\d{1,3}([ .,'_\u00a0\u202f]\d{3})+|\d+)([.,]\d+)?([eE][+-]?\d+)?\s*%?"


def is_numeral(text: str) -> bool:
    """Whether people would take this text for a number: 0.95, 0,95, 1_000, 1'000.5, 95 %."""
    return len(text) <= 60 and re.fullmatch(_NUMERAL, text.strip()) is not None


class Reader:
    """Collects what there is to say of one file while its blocks are taken."""

    def __init__(
        self,
        source: str,
        *,
        strict: bool = False,
        completed: bool = True,
        step: str = "step",
        asked: Callable[[str], bool] = lambda name: False,
    ) -> None:
        """`completed`: whether the program came to its end; else a last line without its line feed may be torn.

        `step`: the column, or key, that is the step. `asked`: whether a metric is asked for by its name, which settings
        of a document are not taken for otherwise.
        """
        self.asked = asked
        self.source = source
        self.strict = strict
        self.completed = completed
        self.step_key = step
        self.had_step = False
        self.settings: dict[str, int] = {}  # of a document, tables that hold no metrics, and how many numbers
        self.notes: list[str] = []  # what is no problem, but the user should know
        self.texts: dict[str, str] = {}  # metrics whose values came as text, with one of them
        self.worker_says: list[str] = []  # in its own lines
        self._names: dict[str, str] = {}  # as written: as recorded, or "" for one that is not
        self._shown: list[str] = []
        self._more = 0

    def problem(self, text: str) -> None:
        if len(self._shown) < SHOWN_PROBLEMS:
            self._shown.append(text)
        else:
            self._more += 1

    def problems(self) -> tuple[str, ...]:
        """Sentences, each with the file's name."""
        shown = [f"{self.source}: {text}" for text in self._shown]
        if self._more:
            shown.append(f"{self.source}: and {self._more} more like these")
        return tuple(shown)

    # ---- JSON lines

    def lines(self, file: IO[bytes]) -> Iterator[Block]:
        """An open file of JSON lines, from where it stands."""
        count = 0
        while chunk := file.read(CHUNK):
            chunk += file.readline(MAX_LINE_BYTES + 1)
            if count == 0:
                chunk = chunk.removeprefix(BOM)
            block = self._at_once(chunk)
            if block is not None:
                count += chunk.count(b"\n")
                yield block
                continue
            rows: list[Row] = []
            for line in io.BytesIO(chunk):
                count += 1
                rows += self._line(line, count)
            if not chunk.endswith(b"\n"):
                _skip_line(file)
            yield from blocks(rows)

    def _at_once(self, chunk: bytes) -> Block | None:
        """Lines parsed in one go, which takes a third of the time; None where each must be looked at."""
        inner = chunk.count(b"}\n{")
        if not chunk.startswith(b"{") or not chunk.endswith(b"}\n") or chunk.count(b"\n") != inner + 1:
            return None
        joined = chunk[:-1].replace(b"}\n{", b"},{")
        if joined.count(b"},{") != inner or b"null" in chunk or b'"problem"' in chunk or len(chunk) > CHUNK * 2:
            return None
        if self.step_key != "step":
            return None
        try:
            tables = json.loads(f"[{joined.decode()}]")
        except (ValueError, RecursionError):
            return None
        block = block_of_tables(tables) if len(tables) == inner + 1 and all(tables) else None
        return block if block is not None and all(self.name(name) == name for name in block.columns) else None

    def _line(self, line: bytes, count: int) -> list[Row]:
        if not line.strip():
            return []
        if len(line) > MAX_LINE_BYTES:
            self.problem(f"line {count} is longer than {MAX_LINE_BYTES} bytes")
            return []
        try:
            table = json.loads(line.decode())
        except (ValueError, RecursionError) as error:
            if line.endswith(b"\n"):
                self.problem(f"line {count} is not JSON: {reason(error)}")
            else:
                self.torn(count)
            return []
        if not isinstance(table, dict):
            self.problem(f"line {count} is not a JSON object: {shown(table)}")
            return []
        return self.row(table, f"line {count}: ")

    def torn(self, count: int) -> None:
        self.problem(f"line {count}, the last, has no line feed and may be torn: it was left out")

    # ---- JSON

    def document(self, file: IO[bytes]) -> Iterator[Block]:
        """An open JSON file: an object, an array of objects, or JSON lines under the name of JSON."""
        begin = file.tell()
        first = file.readline(MAX_LINE_BYTES).removeprefix(BOM)
        if first.lstrip()[:1] == b"[":
            file.seek(begin)
            yield from blocks(self._elements(file))
            return
        more = file.read(1)
        file.seek(begin)
        if more and _parses(first):
            yield from self.lines(file)
            return
        data = file.read(MAX_DOCUMENT_BYTES + 1).removeprefix(BOM)
        if len(data) > MAX_DOCUMENT_BYTES:
            self.problem(f"is a JSON document of more than {MAX_DOCUMENT_BYTES // 2**20} MiB, so it was not read")
            return
        try:
            document = json.loads(data.decode())
        except json.JSONDecodeError as error:
            self.problem(f"line {error.lineno} is not JSON: {error.msg}")
        except (ValueError, RecursionError) as error:
            self.problem(f"is not JSON: {reason(error)}")
        else:
            if isinstance(document, dict):
                yield from blocks(self.row(self._without_settings(document), ""))
            else:
                self.problem(f"entry 1 is not a JSON object: {shown(document)}")

    def _without_settings(self, document: dict[str, Any]) -> dict[str, Any]:
        """A document without the tables that hold what the program was told, such as `config`."""
        left_out: dict[str, int] = {}

        def leaves(table: dict[str, Any], before: str, above: str, deepest: int) -> Iterator[tuple[str, Any]]:
            for key, value in table.items():
                if isinstance(value, dict) and deepest:
                    under = above or (f"{before}{key}" if holds_settings(key) else "")
                    yield from leaves(value, f"{before}{key}.", under, deepest - 1)
                elif not above or self.asked(f"{before}{key}"):
                    yield f"{before}{key}", value
                elif number(value) is not None:
                    left_out[above] = left_out.get(above, 0) + 1

        found = dict(leaves(document, "", "", DEEPEST))
        self.settings |= left_out
        return found if left_out else document

    def _elements(self, file: IO[bytes]) -> Iterator[Row]:
        """The rows of an array, an element at a time."""
        import codecs

        text_of, decode = codecs.getincrementaldecoder("utf-8")(), json.JSONDecoder().raw_decode
        text, at, line, count, ended = "", 0, 1, 0, False
        try:
            while True:
                if not ended and len(text) - at < CHUNK:
                    data = file.read(CHUNK)
                    ended = not data
                    line += text.count("\n", 0, at)
                    text, at = (text[at:] + text_of.decode(data, ended)).removeprefix("\ufeff"), 0
                at = _past_blanks(text, at)
                if at >= len(text):
                    if ended:
                        raise json.JSONDecodeError("the array has no end", text, at)
                    continue
                if text[at] == "]" and count:
                    break
                if text[at] not in ("[" if count == 0 else ","):
                    raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
                at = _past_blanks(text, at + 1)
                if count == 0 and text[at : at + 1] == "]":
                    break
                while True:
                    try:
                        element, after = decode(text, at)
                        if after < len(text) or ended:
                            break
                    except json.JSONDecodeError:
                        if ended or len(text) - at > MAX_DOCUMENT_BYTES:
                            raise
                    data = file.read(max(CHUNK, len(text)))
                    ended = not data
                    text += text_of.decode(data, ended)
                at, count = after, count + 1
                if isinstance(element, dict):
                    yield from self.row(element, f"entry {count}: ")
                else:
                    self.problem(f"entry {count} is not a JSON object: {shown(element)}")
        except json.JSONDecodeError as error:
            self.problem(f"line {line + error.lineno - 1} is not JSON: {error.msg}")
        except (ValueError, RecursionError) as error:
            self.problem(f"is not JSON: {reason(error)}")

    # ---- one object

    def row(self, table: dict[str, Any], where: str) -> list[Row]:
        """The row of one JSON object; none where there is nothing in it."""
        if self.strict and isinstance(table.get("problem"), str):
            self.worker_says.append(table["problem"])
            return []
        values: dict[str, Number] = {}
        step: int | None = None
        time_s: float | None = None
        for key, value in table.items():
            if value is None:
                continue
            if key == self.step_key:
                step = self.step(value, where)
            elif key == "step":
                continue  # the recipe says that another one is
            elif key == "time_s":
                time_s = self.time_s(value, where)
            elif isinstance(value, dict):
                for name, one in flattened(value, deepest=DEEPEST, before=f"{key}."):
                    self._take(name, one, values, where)
            else:
                self._take(key, value, values, where)
        values.pop("", None)
        return [Row(step, time_s, values)] if values else []

    def _take(self, key: str, value: object, values: dict[str, Number], where: str) -> None:
        if isinstance(value, dict):
            self.problem(f"{where}{key[:20]!r}… is nested too deep")
            return
        known = number(value)
        if known is not None:
            if key in self.texts and key not in self._names:
                self.problem(f"{where}{shown(key)} is a number, and elsewhere the text {self.texts[key]}")
            values[self.name(key)] = known
            if type(value) is int and type(known) is float:
                self.beyond(where, key, value)
        elif value is not None and (self.strict or isinstance(value, int)):
            self.problem(f"{where}{shown(key)} is not a number: {shown(value)}")
        elif isinstance(value, str) and len(self.texts) < MAX_METRICS:
            if self._names.get(key):
                self.problem(f"{where}{shown(key)} is the text {shown(value)}, and elsewhere a number")
            self.texts.setdefault(normal_name(key), f"{shown(value)} {f'in {where[:-2]}' if where else ''}".rstrip())

    def beyond(self, where: str, key: str, value: object) -> None:
        self.problem(f"{where}{shown(key)}: {shown(value)} is beyond ±2^63 and was recorded as a float")

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
                self.problem(f"metric {shown(key)} is not recorded: {problem}")
            if len(self._names) < 2 * MAX_METRICS:
                self._names[key] = known
        return known

    def step(self, value: object, where: str) -> int | None:
        self.had_step = True
        known = None if isinstance(value, bool) else number(value)
        if isinstance(known, float) and known.is_integer() and abs(known) < 2**53:
            return int(known)  # a column of integers with gaps is written with .0 by pandas
        if isinstance(known, int):
            return known
        within = " within ±2^63" if isinstance(value, int) and not isinstance(value, bool) else ""
        self.problem(f"{where}{self.step_key} is not an integer{within}: {shown(value)}")
        return None

    def time_s(self, value: object, where: str) -> float | None:
        known = None if isinstance(value, bool) else number(value)
        if known is not None and known - known == 0:
            return float(known)
        self.problem(f"{where}time_s is not a number of seconds: {shown(value)}")
        return None


def _skip_line(file: IO[bytes]) -> None:
    """Go on to the next line."""
    while rest := file.readline(CHUNK):
        if rest.endswith(b"\n"):
            return


_BLANKS = re.compile(r"[ \t\r\n]*")


def _past_blanks(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _parses(line: bytes) -> bool:
    try:
        json.loads(line.decode())
    except (ValueError, RecursionError):
        return False
    return True


def shown(value: object) -> str:
    """A value for a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def reason(error: BaseException) -> str:
    """Why something could not be parsed."""
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deep"
    return str(error)
