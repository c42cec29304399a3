"""What the program printed, to at most 128 KiB of files, and those to at most 64 KiB of text for the record.

The first 32 KiB are `output.head`. Then come segments of 32 KiB, `output.tail.0`, `output.tail.1`, …, of which the two
newest stay: the last 32 KiB are always there, and the number in the name says how much went before. Every byte is
written as it comes, so that a kill of the worker loses none; nothing else has to be kept in step.
"""

from __future__ import annotations

import os

from gitexp.regularfile import read_regular

SEGMENT = 32 * 1024
LIMIT = 64 * 1024
HEAD = "output.head"
TAIL = "output.tail."
_MARKER_ROOM = 64
_LINE_SEARCH = 4 * 1024  # how far from a cut a line's start is looked for: output without lines is cut anywhere


class Output:
    """The writing side, in the worker. `problem` says why what follows is missing (a full disk, say)."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.problem: str | None = None
        self._number = -1  # of the segment being written; -1: the head
        self._room = SEGMENT
        self._fd = _create(os.path.join(folder, HEAD))

    def write(self, data: bytes) -> None:
        """Append. Never raises: a program must not die of its record."""
        if self.problem is not None:
            return
        try:
            view = memoryview(data)
            while view:
                if self._room == 0:
                    self._turn()
                written = os.write(self._fd, view[: self._room])
                self._room -= written
                view = view[written:]
        except OSError as error:
            self.problem = f"the output could not be kept: {error.strerror}"

    def _turn(self) -> None:
        """Go on to the next segment; the one before the last is not needed any more."""
        self._number += 1
        fd = _create(os.path.join(self.folder, f"{TAIL}{self._number}"))
        os.close(self._fd)
        self._fd, self._room = fd, SEGMENT
        if self._number >= 2:
            os.unlink(os.path.join(self.folder, f"{TAIL}{self._number - 2}"))

    def close(self) -> None:
        os.close(self._fd)


def _create(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)


def read_output(folder: str) -> bytes:
    """What is recorded of the output: whole up to 64 KiB, else head, a line saying how much is cut, and tail."""
    head = _read(os.path.join(folder, HEAD))
    numbers = sorted(int(n[len(TAIL) :]) for n in os.listdir(folder) if n.startswith(TAIL) and n[len(TAIL) :].isdigit())
    tail = b"".join(_read(os.path.join(folder, f"{TAIL}{n}")) for n in numbers[-2:])
    before_tail = len(head) + SEGMENT * max(0, numbers[-2:][0] if numbers else 0)
    total = before_tail + len(tail)
    if total <= LIMIT:
        return head + tail
    head = head[: _end_of_head(head)]
    newline = b"" if head.endswith(b"\n") else b"\n"
    tail = tail[max(0, len(tail) - (LIMIT - len(head) - _MARKER_ROOM)) :]
    tail = tail[_start_of_tail(tail) :]
    return head + newline + f"[gitexp: {total - len(head) - len(tail)} bytes cut]\n".encode() + tail


def _read(path: str) -> bytes:
    try:
        return read_regular(path, most=SEGMENT)
    except OSError:
        return b""


def _end_of_head(head: bytes) -> int:
    """Where to end the head: after a line, else between two characters."""
    newline = head.rfind(b"\n", len(head) - _LINE_SEARCH)
    if newline >= 0:
        return newline + 1
    for back in range(1, min(4, len(head)) + 1):
        byte = head[-back]
        if byte & 0xC0 == 0x80:
            continue  # inside a character
        length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return len(head) if length <= back else len(head) - back
    return len(head)  # not UTF-8


def _start_of_tail(tail: bytes) -> int:
    """Where to begin the tail: at a line, else between two characters."""
    newline = tail.find(b"\n", 0, _LINE_SEARCH)
    if newline >= 0:
        return newline + 1
    start = 0
    while start < min(3, len(tail)) and tail[start] & 0xC0 == 0x80:
        start += 1
    return start
