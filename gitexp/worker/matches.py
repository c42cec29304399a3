"""Lines of output to metrics: by the recipe's patterns, and those that a program announces by itself.

`METRIC name=value` (several to a line, `step=` among them) and `__RESULT__ {json}` are what the loops of others print.
What is found in one line is a row of matched.jsonl, or of announced.jsonl. A carriage return ends a line too, so that
progress bars are read; colours and other control sequences are removed first.
"""

from __future__ import annotations

from gitexp import runfolder
from gitexp.worker import fastjson
from gitexp.worker.disk import Disk, Growing

TYPE_CHECKING = False  # nor is re imported before it is needed: most programs announce nothing
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping
    from typing import Any

LONGEST_LINE = 1024 * 1024  # of a longer one the beginning is searched
TIME = "time_s"
METRIC, RESULT = "METRIC ", "__RESULT__ "
_MARKS = (METRIC.strip().encode(), RESULT.strip().encode())  # a colour may end behind one
_FAR = 4096  # bytes of a line: if no mark stands before, the line does not begin with one
_DEEPEST = 16  # objects in objects

_CONTROL = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])"


class Matches:
    """Streams of bytes to rows in a run folder. `announced`: whether what programs announce counts."""

    def __init__(self, folder: str, patterns: Mapping[str, str], disk: Disk | None = None, *, announced: bool) -> None:
        self._disk = disk or Disk(folder)
        self._files: dict[str, Growing] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._announced = announced
        self._complained: set[str] = set()
        self._pending: dict[object, bytearray] = {}
        self._dull: set[object] = set()  # streams in the middle of a line that announces nothing
        for metric, pattern in patterns.items():
            import re

            try:
                self._patterns[metric] = re.compile(pattern)
            except re.error as error:
                self._problem(metric, f"{metric}: the pattern {pattern!r} is not a regular expression: {error}")

    def feed(self, stream: object, data: bytes, time_s: float) -> None:
        """Take bytes of one stream (stdout and stderr have their own lines)."""
        pending = self._pending.setdefault(stream, bytearray())
        if not self._patterns:
            return self._look_for_marks(stream, pending, data, time_s)
        *ended, rest = data.replace(b"\r", b"\n").split(b"\n")
        for part in ended:
            line = bytes(pending + part)
            pending.clear()
            if line:
                self._line(line[:LONGEST_LINE], time_s)
        pending += rest[: LONGEST_LINE - len(pending)]

    def _look_for_marks(self, stream: object, pending: bytearray, data: bytes, time_s: float) -> None:
        """Without patterns only lines that announce something are looked at: a search for bytes finds them."""
        data = data.replace(b"\r", b"\n")
        if stream in self._dull:
            end = data.find(b"\n")
            if end < 0:
                return
            self._dull.discard(stream)
            data = data[end:]
        end = data.rfind(b"\n")
        if end >= 0:
            block = bytes(pending) + data[: end + 1]
            pending.clear()
            for line in _marked_lines(block):
                self._line(line[:LONGEST_LINE], time_s)
        pending += data[end + 1 :][: LONGEST_LINE - len(pending)]
        if len(pending) > _FAR and not any(mark in pending for mark in _MARKS):
            pending.clear()
            self._dull.add(stream)

    def close(self, time_s: float, *, completed: bool) -> None:
        """The last lines have no end: those of a program that did not complete may be torn, and are left out."""
        for rest in self._pending.values():
            if rest:
                self._line(bytes(rest), time_s, torn=not completed)
        for file in self._files.values():
            file.close()

    def _line(self, raw: bytes, time_s: float, *, torn: bool = False) -> None:
        line = raw.decode("utf-8", "replace")
        if "\x1b" in line:
            import re

            line = re.sub(_CONTROL, "", line)
        for name, rows in (
            (runfolder.MATCHED, self._matched(line) if self._patterns else {}),
            (runfolder.ANNOUNCED, self._announcement(line.strip()) if self._announced else {}),
        ):
            if rows and torn:
                last = f"the last line of the output, {line[:200]!r}, has no line feed and may be torn: it was left out"
                names = ", ".join(metric for values in rows.values() for metric in values)
                self._write(name, {"problem": f"{names}: {last}"})
                continue
            for step, values in rows.items():
                self._write(name, {"time_s": round(time_s, 3), **({} if step is None else {"step": step}), **values})

    def _matched(self, line: str) -> dict[int | None, dict[str, float]]:
        """What the patterns find, by step."""
        rows: dict[int | None, dict[str, float]] = {}
        for metric, pattern in self._patterns.items():
            match = pattern.search(line)
            if match is None:
                continue
            own = pattern.groupindex.get("step")
            groups = (group for at, group in enumerate(match.groups(), 1) if group is not None and at != own)
            text = next(groups, match.group())
            value, step = _number(text), _number(match.group(own) or "") if own else None
            if value is None:
                self._problem(metric, f"{metric}: {text[:80]!r} is not a number, in the line {line[:200]!r}")
                continue
            if own and (step is None or not step.is_integer()):
                said = f"the step {str(match.group(own))[:80]!r} is no whole number, in the line {line[:200]!r}"
                self._problem(f"{metric} step", f"{metric}: {said}")
                step = None
            rows.setdefault(None if step is None else int(step), {})[metric] = value
        return rows

    def _announcement(self, line: str) -> dict[int | None, dict[str, float]]:
        """What the program announces in this line, which is nothing in nearly all."""
        if line.startswith(METRIC):
            pairs: list[tuple[str, Any]] = [
                (name, _number(text)) for name, equals, text in (w.partition("=") for w in line.split()[1:]) if equals
            ]
        elif line.startswith(RESULT):
            try:
                pairs = list(_numbers(fastjson.loads(line[len(RESULT) :])))
            except (ValueError, RecursionError):
                self._problem(RESULT, f"{RESULT.strip()}: not JSON, in the line {line[:200]!r}", runfolder.ANNOUNCED)
                return {}
        else:
            return {}
        known: dict[str, float] = {}
        for name, value in pairs:
            if value is None or name in ("", TIME):
                why = "when it was printed is known" if name == TIME else "not a number" if name else "has no name"
                said = f"{name[:80] or '='}: {why}, in the line {line[:200]!r}"
                self._problem(f"{METRIC}{name}", said, runfolder.ANNOUNCED)
            else:
                known[name] = value
        step = known.pop("step", None)
        if not known:
            return {}
        return {int(step) if step is not None and float(step).is_integer() else None: known}

    def _problem(self, about: str, text: str, name: str = runfolder.MATCHED) -> None:
        if about not in self._complained:
            self._complained.add(about)
            self._write(name, {"problem": text})

    def _write(self, name: str, document: dict[str, Any]) -> None:
        if name not in self._files:
            self._files[name] = self._disk.grow(name)
        self._files[name].write(fastjson.dumps(document).encode() + b"\n")


def _marked_lines(block: bytes) -> Iterator[bytes]:
    """The lines in which a mark stands. `block` ends with a line feed."""
    at, places = 0, {mark: block.find(mark) for mark in _MARKS}
    while place := min((one for one in places.values() if one >= 0), default=-1) + 1:
        begin, at = block.rfind(b"\n", at, place) + 1 or at, block.find(b"\n", place)
        yield block[begin:at]
        for mark, known in places.items():
            if 0 <= known < at:
                places[mark] = block.find(mark, at)


def _numbers(document: Any, before: str = "", depth: int = 0) -> Iterator[tuple[str, float]]:
    """The numbers of a result, nested names joined by dots; all else in it is no metric."""
    if not isinstance(document, dict) or depth > _DEEPEST:
        return
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{before}{key}.", depth + 1)
        elif isinstance(value, int | float):
            yield f"{before}{key}", value


def _number(text: str) -> float | None:
    """None also for 1_000 and other scripts' digits, which Python would take."""
    text = text.strip()
    if "_" in text or not text.isascii():
        return None
    try:
        return float(text)
    except ValueError:
        return None
