"""Lines of output to metrics, by the recipe's patterns: what matches in one line is a row of matched.jsonl.

A carriage return ends a line too, so that progress bars are read; colours and other control sequences are
removed first.
"""

from __future__ import annotations

import os
import re

from gitexp.worker import fastjson
from gitexp.worker.disk import Disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_LINE = 1024 * 1024  # of a longer one the beginning is searched

_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_ENDS = re.compile(rb"[\r\n]")


class Matches:
    """Patterns applied to streams of bytes. `path` gets one JSON document a line."""

    def __init__(self, path: str, patterns: Mapping[str, str], disk: Disk | None = None) -> None:
        folder, name = os.path.split(path)
        self._file = (disk or Disk(folder)).grow(name)
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._complained: set[str] = set()
        self._pending: dict[object, bytearray] = {}
        for metric, pattern in patterns.items():
            try:
                self._patterns[metric] = re.compile(pattern)
            except re.error as error:
                self._problem(metric, f"{metric}: the pattern {pattern!r} is not a regular expression: {error}")

    def feed(self, stream: object, data: bytes, time_s: float) -> None:
        """Take bytes of one stream (stdout and stderr have their own lines)."""
        pending = self._pending.setdefault(stream, bytearray())
        *ended, rest = _ENDS.split(data)
        for part in ended:
            line = bytes(pending + part)
            pending.clear()
            if line:
                self._line(line[:LONGEST_LINE], time_s)
        pending += rest[: LONGEST_LINE - len(pending)]

    def close(self, time_s: float, *, completed: bool) -> None:
        """The last lines have no end: those of a program that did not complete may be torn, and are left out."""
        for rest in self._pending.values():
            if rest:
                self._line(bytes(rest), time_s, torn=not completed)
        self._file.close()

    def _line(self, raw: bytes, time_s: float, *, torn: bool = False) -> None:
        line = _CONTROL.sub("", raw.decode("utf-8", "replace"))
        rows: dict[int | None, dict[str, float]] = {}  # by step
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
        if rows and torn:
            last = f"the last line of the output, {line[:200]!r}, has no line feed and may be torn: it was left out"
            self._write({"problem": f"{', '.join(name for row in rows.values() for name in row)}: {last}"})
            return
        for at, values in rows.items():
            self._write({"time_s": round(time_s, 3), **({} if at is None else {"step": at}), **values})

    def _problem(self, metric: str, text: str) -> None:
        if metric not in self._complained:
            self._complained.add(metric)
            self._write({"problem": text})

    def _write(self, document: dict[str, object]) -> None:
        self._file.write(fastjson.dumps(document).encode() + b"\n")


def _number(text: str) -> float | None:
    """None also for 1_000 and other scripts' digits, which Python would take."""
    text = text.strip()
    if "_" in text or not text.isascii():
        return None
    try:
        return float(text)
    except ValueError:
        return None
