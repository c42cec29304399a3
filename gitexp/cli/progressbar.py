"""One line on the terminal for work on bytes that takes long: how much is done, how fast, and how long it will take.

Appears after half a second, redraws itself ten times a second, and leaves nothing behind. Not a terminal: silent.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from gitexp.cli.render import cut, duration, safe, size

PATIENCE_S = 0.5
FRAME_S = 0.1
_ERASE = "\r\x1b[2K"


class ProgressBar:
    """A datasets.progress.Progress that draws itself on stderr. Use as a context manager, one for each phase."""

    unit = "file"

    def __init__(self, what: str) -> None:
        self.what = what
        self._lock = threading.Lock()
        self._wanted = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._began = self._drawn = time.monotonic()
        self._files = self._bytes = self._all_files = self._all_bytes = 0
        self._shown = False

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._wanted = False
            if self._shown:
                print(_ERASE, end="", file=sys.stderr, flush=True)

    def expect(self, *, files: int, size_bytes: int) -> None:
        """So much there is to do in all; 0: not known."""
        with self._lock:
            self._all_files, self._all_bytes = files, size_bytes

    def advance(self, *, files: int, size_bytes: int) -> None:
        """So much more is done."""
        with self._lock:
            self._files += files
            self._bytes += size_bytes
            now = time.monotonic()
            if self._wanted and now - self._began >= PATIENCE_S and now - self._drawn >= FRAME_S:
                self._drawn, self._shown = now, True
                columns = os.get_terminal_size(sys.stderr.fileno()).columns
                line = cut(self._line(now - self._began), max(columns - 1, 1))
                print(f"{_ERASE}{line}", end="", file=sys.stderr, flush=True)

    def _line(self, elapsed_s: float) -> str:
        parts = [safe(self.what)]
        if self._all_bytes:
            parts.append(f"{min(100, 100 * self._bytes // self._all_bytes):3d} %")
        elif self._all_files > 1:
            parts.append(f"{min(100, 100 * self._files // self._all_files):3d} %")
        parts.append(self._count())
        if self._bytes:
            parts.append(f"{size(self._bytes)}  {size(int(self._bytes / elapsed_s))}/s")
        left_s = self._left(elapsed_s)
        if left_s is not None:
            parts.append(f"{duration(left_s)} left")
        return "  ".join(parts)

    def _count(self) -> str:
        if self._all_files == 1 or (not self._all_files and self._files == 1):
            return f"1 {self.unit}"
        of_all = f" of {self._all_files:,}" if self._all_files >= self._files else ""
        return f"{self._files:,}{of_all} {self.unit}s"

    def _left(self, elapsed_s: float) -> float | None:
        """Seconds that the rest will take at the rate so far; None where the whole is not known."""
        done, whole = (self._bytes, self._all_bytes) if self._all_bytes else (self._files, self._all_files)
        return elapsed_s * (whole - done) / done if 0 < done < whole else None


class ObjectsBar(ProgressBar):
    """The same for what has no file's name any more."""

    unit = "object"
