"""What the threads of one transfer share: how far it is, whether the user has had enough, does the remote answer."""

from __future__ import annotations

import threading

from gitexp.datasets.progress import Progress
from gitexp.datasets.remotes.protocol import WHOLE, Trouble

MOST_IN_A_ROW = 8  # failures of a remote that is slow or broken, before it is left alone


class Stopped(Exception):
    """The user had enough."""


class Breaker:
    """Whether a remote is worth asking on: `trouble` is why not."""

    def __init__(self) -> None:
        self.trouble: Trouble | None = None
        self._in_a_row = 0

    def trip(self, trouble: Trouble) -> None:
        self.trouble = self.trouble or trouble

    def note(self, trouble: Trouble | None) -> None:
        """How it went with an object."""
        if trouble is None or trouble.kind not in (*WHOLE, "timeout", "server"):
            self._in_a_row = 0
            return
        self._in_a_row += 1
        if trouble.kind in WHOLE or self._in_a_row >= MOST_IN_A_ROW:
            self.trip(trouble)


class Watch:
    """Progress from threads, as a context; once it has been left by an error, each thread ends at its next piece."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._stop = threading.Event()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._stop.set()

    def expect(self, files: int, size_bytes: int) -> None:
        if self._progress:
            self._progress.expect(files=files, size_bytes=size_bytes)

    def told(self, size_bytes: int) -> None:
        """A piece has been moved. Raises Stopped."""
        if self._stop.is_set():
            raise Stopped
        if self._progress:
            self._progress.advance(files=0, size_bytes=size_bytes)

    def done(self, files: int) -> None:
        if self._progress and files:
            self._progress.advance(files=files, size_bytes=0)
