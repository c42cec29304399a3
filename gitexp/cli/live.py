"""Show what a program prints as it comes; on a terminal with a line below it that has its latest metrics and the time.

The line is drawn only where it cannot disturb: while the last byte shown was a newline, or none came yet. It is erased
before the next byte, and given up for good once the program moves the cursor or takes the whole screen.
"""

from __future__ import annotations

import json
import os
import re
import select
import time
from pathlib import Path

from gitexp import runfolder
from gitexp.cli.render import number, safe, text_width
from gitexp.regularfile import open_regular

_TAIL = 256 * 1024  # how much of a metrics file is read at a time; of more that is new, the end
_ERASE = b"\r\x1b[K"
BAR_COLUMNS = 16
_DIM, _NOT_DIM = "\x1b[2m", "\x1b[22m"

# Patterns, compiled when first used: while the program runs, not before it starts.
# An escape sequence, whole or, at the end of what came, begun.
_ESCAPE = rb"\x1b(?:\[[0-?]*[ -/]*(?:[@-~]|$)|\][^\x07\x1b]*(?:\x07|\x1b\\|\x1b?$)|[^\[\]]|$)"
# Colours, erasing to the right, private modes (but the alternate screens), titles: they leave the cursor where it was.
_HARMLESS = rb"\x1b(?:\[[0-9;:]*m|\[0?K|\[\?(?!47|104[79])[0-9;]*[hl]|\].*|[=>])"
_COLOUR = rb"\x1b\[([0-9;:]*)m"


class PlainScreen:
    """Bytes to two descriptors, as they come. A stream that nobody reads any more is dropped, and the run goes on."""

    def __init__(self, *, stdout_fd: int, stderr_fd: int) -> None:
        self._fds: dict[int, int | None] = {1: stdout_fd, 2: stderr_fd}

    def write(self, stream: int, data: bytes) -> None:
        fd = self._fds[stream]
        view = memoryview(data)
        while view and fd is not None:
            try:
                view = view[os.write(fd, view) :]
            except BlockingIOError:
                select.select([], [fd], [])  # somebody made our terminal non-blocking
            except OSError:
                fd = self._fds[stream] = None

    def tick(self) -> None:
        pass

    def erase(self) -> None:
        pass


class LiveScreen:
    """A terminal with the live line. `folder` is the run's: its metrics are read there."""

    def __init__(self, *, folder: str, name: str, stdout_fd: int) -> None:
        self._plain = PlainScreen(stdout_fd=stdout_fd, stderr_fd=2)
        self._fd = stdout_fd
        self._latest = Latest(folder)
        self._name = safe(name)
        self._colour = not os.environ.get("NO_COLOR")
        self._began = time.monotonic()
        self._gave_up = os.environ.get("TERM", "") in ("", "dumb")
        self._at_line_start = True
        self._in_colour = False  # the program left a colour on; ours would end it
        self._drawn = False
        self._escape = b""  # begun in the last bytes

    def write(self, stream: int, data: bytes) -> None:
        self.erase()
        self._plain.write(stream, data)
        if data and not self._gave_up:
            self._at_line_start = data.endswith(b"\n")
            self._watch(data)

    def tick(self) -> None:
        """Draw the line anew, if there is room for it."""
        if self._gave_up or not self._at_line_start or self._escape or not self._in_foreground():
            return
        text = self.line(columns=_columns(self._fd))
        if self._colour and not self._in_colour:
            text = f"{_DIM}{text}{_NOT_DIM}"
        self._plain.write(1, _ERASE + text.encode("utf-8", "replace"))
        self._drawn = True

    def erase(self) -> None:
        if self._drawn:
            self._drawn = False
            if self._in_foreground():
                self._plain.write(1, _ERASE)

    def line(self, *, columns: int) -> str:
        """Name, step, metrics and elapsed time. What does not fit is left out, the last metrics first."""
        self._latest.read()
        elapsed = _clock(time.monotonic() - self._began)
        parts = [self._name]
        if self._latest.progress is not None:
            parts.append(_bar(*self._latest.progress))
        elif self._latest.step is not None:
            parts.append(f"step {self._latest.step}")
        parts += [f"{safe(name)} {number(value)}" for name, value in self._latest.metrics.items()]
        while len(parts) > 1 and text_width(" · ".join([*parts, elapsed])) >= columns:
            parts.pop()
        text = " · ".join([*parts, elapsed])
        while text and text_width(text) >= columns:
            text = text[:-1]
        return text

    def _watch(self, data: bytes) -> None:
        """Notice what makes a line of ours a nuisance."""
        text = self._escape + data
        self._escape = b""
        for match in re.finditer(_ESCAPE, text):
            sequence = match.group()
            if match.end() == len(text) and not _is_whole(sequence):
                self._escape = sequence
            elif colour := re.fullmatch(_COLOUR, sequence):
                self._in_colour = colour.group(1).strip(b"0;") != b""
            elif not re.fullmatch(_HARMLESS, sequence, re.DOTALL):
                self._gave_up = True
        if len(self._escape) > 4096 or b"\x0b" in data or b"\x0c" in data:
            self._gave_up = True

    def _in_foreground(self) -> bool:
        """A line drawn from the background would land in the user's next command."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return True  # not our controlling terminal: nobody else's either


class Latest:
    """The newest value of each metric, and how far a training is, read from the run folder's files."""

    def __init__(self, folder: str) -> None:
        self.progress: tuple[int, int, float] | None = None  # steps done, of how many, rows a second
        self._folder = folder
        self.step: int | float | None = None
        self.metrics: dict[str, float] = {}
        self._files = {Path(folder) / name: 0 for name in runfolder.LOGGED}

    def read(self) -> None:
        """Take in what is new; a torn last line waits."""
        try:
            said = runfolder.read_json(self._folder, runfolder.PROGRESS) or {}
            self.progress = (int(said["steps"]), int(said["of"]), float(said["rows_per_s"])) if said else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            self.progress = None  # the program may write anything there
        for path, offset in self._files.items():
            try:
                fd, found = open_regular(path)
                with open(fd, "rb") as file:
                    start = max(offset, found.st_size - _TAIL)
                    file.seek(start)
                    data = file.read(_TAIL)
            except OSError:
                continue
            whole = data.rfind(b"\n") + 1
            self._files[path] = start + whole if whole or len(data) < _TAIL else start + len(data)
            lines = data[:whole].split(b"\n")
            for line in lines if start == offset else lines[1:]:
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(row, dict) or "problem" in row:
            return
        if isinstance(row.get("step"), int | float):
            self.step = row["step"]
        from gitexp.script import flattened  # while the program runs, not before it starts

        for name, value in flattened(row, deepest=20):
            if isinstance(value, int | float) and name not in ("step", "time_s"):
                self.metrics[name] = value


def _is_whole(sequence: bytes) -> bool:
    if sequence.startswith(b"\x1b["):
        return len(sequence) > 2 and 0x40 <= sequence[-1] <= 0x7E
    if sequence.startswith(b"\x1b]"):
        return sequence.endswith((b"\x07", b"\x1b\\"))
    return len(sequence) > 1


def _bar(done: int, total: int, rows_per_s: float) -> str:
    filled = min(BAR_COLUMNS, BAR_COLUMNS * done // max(1, total))
    bar = "█" * filled + "░" * (BAR_COLUMNS - filled)
    return f"{bar} {done:,}/{total:,} · {rows_per_s:,.0f} rows/s"


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _columns(fd: int) -> int:
    try:
        return os.get_terminal_size(fd).columns or 80
    except OSError:
        return 80
