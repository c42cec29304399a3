"""The worker's end of the talk with whoever attends: a queue that goes out when there is room, frames that come in.

They may go away at any moment; `gone` is then true and everything sent is dropped.
"""

from __future__ import annotations

import os

from gitexp.worker import frames

ROOM = 256 * 1024  # when this much waits for a slow reader, the program's output is not read on


class Front:
    def __init__(self, reader: int, writer: int) -> None:
        self.reader = reader
        self.writer = writer
        self.gone = False
        self._received = bytearray()
        self._queue = bytearray()
        for fd in (reader, writer):
            os.set_inheritable(fd, False)
            os.set_blocking(fd, False)

    @property
    def waiting(self) -> int:
        """Bytes that were sent and are not out."""
        return len(self._queue)

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        if not self.gone:
            self._queue += frames.frame(kind, payload)
            self.flush()

    def flush(self) -> None:
        """Write as much as there is room for."""
        try:
            while self._queue:
                written = os.write(self.writer, memoryview(self._queue)[: 64 * 1024].tobytes())
                del self._queue[:written]
        except BlockingIOError:
            pass
        except OSError:
            self.leave()

    def flush_all(self) -> None:
        """Wait until everything is out, or nobody reads it any more."""
        os.set_blocking(self.writer, True)
        self.flush()

    def receive(self) -> list[tuple[bytes, bytes]]:
        """Read what is there (the descriptor must be readable)."""
        try:
            data = os.read(self.reader, 65536)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.leave()
            return []
        self._received += data
        return frames.take(self._received)

    def leave(self) -> None:
        self.gone = True
        self._queue.clear()
