"""What the program printed, to at most 136 KiB of files, and those to at most 64 KiB of text for the record.

The first 40 KiB are `output.head`. Then come segments of 32 KiB, `output.tail.0`, `output.tail.1`, …, of which the
three newest stay: the last 64 KiB are always there, and the number in the name says how much went before. Every byte is
written as it comes, so that a kill of the worker loses none; nothing else has to be kept in step. What a disk does not
take waits in memory, which is never more than these files.
"""

from __future__ import annotations

import os

from gitexp.regularfile import open_regular, read_regular
from gitexp.worker.disk import Disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SEGMENT = 32 * 1024
SEGMENTS = 3  # so that of the last 32 KiB there is also what comes before
LIMIT = 64 * 1024
HEAD_SIZE = 40 * 1024  # of which 32 KiB are recorded: a token that begins there ends in what lies behind
HEAD = "output.head"
TAIL = "output.tail."
_MARKER_ROOM = 64
_LINE_SEARCH = 4 * 1024  # how far from a cut a line's start is looked for: output without lines is cut anywhere


class Output:
    """The writing side, in the worker. It never raises: a program must not die of its record."""

    def __init__(self, folder: str, disk: Disk | None = None) -> None:
        self._disk = disk or Disk(folder)
        self._number = -1  # of the segment being written; -1: the head
        self._room = HEAD_SIZE
        self._segments = [self._disk.grow(HEAD)]

    def write(self, data: bytes) -> None:
        """Append."""
        view = memoryview(data)
        while view:
            if self._room == 0:
                self._turn()
            part, view = view[: self._room], view[self._room :]
            self._segments[-1].write(part)
            self._room -= len(part)

    def _turn(self) -> None:
        """Go on to the next segment; the one before the last is not needed any more."""
        self._number += 1
        self._segments[-1].close()
        self._segments.append(self._disk.grow(f"{TAIL}{self._number}"))
        self._room = SEGMENT
        if self._number >= SEGMENTS:
            self._segments.pop(1).drop()

    def close(self) -> None:
        self._segments[-1].close()


def read_output(folder: str, clean: Callable[[bytes], bytes] = bytes) -> bytes:
    """What is recorded of the output: whole up to 64 KiB, else head, a line saying how much is cut, and tail.

    `clean` takes secrets out of it, before it is cut: of half a token nobody could tell that it is one.
    """
    head = _read(os.path.join(folder, HEAD))
    numbers = sorted(int(n[len(TAIL) :]) for n in os.listdir(folder) if n.startswith(TAIL) and n[len(TAIL) :].isdigit())
    numbers = numbers[-SEGMENTS:]
    tail = b"".join(_read(os.path.join(folder, f"{TAIL}{n}")) for n in numbers)
    unread = SEGMENT * numbers[0] if numbers else 0
    if not unread:
        text = clean(head + tail)
        if len(text) <= LIMIT:
            return text
        head, tail = text[: LIMIT // 2], text[LIMIT // 2 :]
    else:
        head, tail = clean(head), clean(tail)
    total = len(head) + unread + len(tail)
    head = head[: LIMIT // 2]
    head = head[: _end_of_head(head)]
    newline = b"" if head.endswith(b"\n") else b"\n"
    tail = tail[max(0, len(tail) - (LIMIT - len(head) - _MARKER_ROOM)) :]
    tail = tail[_start_of_tail(tail) :]
    # Once more: of a private key whose beginning is cut, the rest is known by where it stands.
    return clean(head + newline + f"[gitexp: {total - len(head) - len(tail)} bytes cut]\n".encode() + tail)


def _read(path: str) -> bytes:
    try:
        return read_regular(path, most=HEAD_SIZE)
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


class Tail:
    """The reading side, while it is still written. `missed`: bytes that were gone before they could be read."""

    def __init__(self, folder: str) -> None:
        self.missed = 0
        self._folder = folder
        self._number = -1  # of the segment being read; -1: the head
        self._left = HEAD_SIZE  # of it
        self._fd: int | None = None  # which goes on being readable when the folder is removed

    def read(self) -> bytes:
        """What has come since."""
        found = b""
        while self._open():
            assert self._fd is not None
            more = os.read(self._fd, self._left)
            found += more
            self._left -= len(more)
            if not more:
                break
            if not self._left:
                os.close(self._fd)
                self._fd, self._number, self._left = None, self._number + 1, SEGMENT
        return found

    def _open(self) -> bool:
        if self._fd is not None:
            return True
        try:
            numbers = [int(n[len(TAIL) :]) for n in os.listdir(self._folder) if n[len(TAIL) :].isdigit()]
            next_one = self._number if self._number < 0 else min(n for n in numbers if n >= self._number)
            name = HEAD if next_one < 0 else f"{TAIL}{next_one}"
            self._fd, _ = open_regular(os.path.join(self._folder, name))
        except (OSError, ValueError):
            return False
        self.missed += (next_one - self._number) * SEGMENT
        self._number = next_one
        return True
