"""One line on the terminal for work on bytes that takes long, by rich: how much is done, how fast, how long to go.

Appears after half a second, which is also when rich is imported, and leaves nothing behind. Not a terminal: silent.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from gitexp.cli.render import safe

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE_S = 0.5
FRAME_S = 0.1


class ProgressBar:
    """A datasets.progress.Progress that draws itself on stderr. Use as a context manager, one for each phase."""

    unit = "file"

    def __init__(self, what: str) -> None:
        self.what = what
        self._lock = threading.Lock()
        self._wanted = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._next = time.monotonic() + PATIENCE_S
        self._files = self._bytes = self._all_files = self._all_bytes = 0
        self._drawn: Progress | None = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._wanted = False
            if self._drawn is not None:
                self._drawn.stop()

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
            if not self._wanted or now < self._next:
                return
            self._next = now + FRAME_S
            done, whole = (self._bytes, self._all_bytes) if self._all_bytes else (self._files, self._all_files)
            state: dict[str, Any] = {"completed": done, "total": whole or None, "count": self._count()}
            if self._drawn is None:
                self._drawn = _drawn(in_bytes=bool(self._bytes))
                self._drawn.add_task(safe(self.what), **state)
                self._drawn.start()
                self._drawn.console.show_cursor()  # rich hides it, and Ctrl-Z or a kill would leave it hidden
            self._drawn.update(self._drawn.task_ids[0], **state)

    def _count(self) -> str:
        if self._all_files == 1 or (not self._all_files and self._files == 1):
            return f"1 {self.unit}"
        of_all = f" of {self._all_files:,}" if self._all_files >= self._files else ""
        return f"{self._files:,}{of_all} {self.unit}s"


class ObjectsBar(ProgressBar):
    """The same for what has no file's name any more."""

    unit = "object"


def _drawn(*, in_bytes: bool) -> Progress:
    from rich import progress
    from rich.console import Console

    columns: list[progress.ProgressColumn] = [
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(20),
        progress.TaskProgressColumn(),
        progress.TextColumn("{task.fields[count]}", markup=False),
    ]
    if in_bytes:
        columns += [progress.DownloadColumn(), progress.TransferSpeedColumn()]
    columns.append(progress.TimeRemainingColumn(compact=True))
    terminal = Console(stderr=True, highlight=False)
    return progress.Progress(*columns, console=terminal, transient=True, redirect_stdout=False, redirect_stderr=False)
