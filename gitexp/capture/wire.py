"""Protocol buffers as they lie on the wire: fields by number, without a description of the message.

Bytes are taken piece by piece, so that of a message on a disk what is large and not wanted is never read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import overload

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SIZES = {FIXED64: 8, FIXED32: 4}
MOST = 1 << 16  # fields of one message


class Malformed(ValueError):
    """These bytes are no message."""


class OnDisk:
    """The bytes of an open file, by index and slice."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @overload
    def __getitem__(self, where: int) -> int: ...
    @overload
    def __getitem__(self, where: slice) -> bytes: ...
    def __getitem__(self, where: int | slice) -> int | bytes:
        if isinstance(where, int):
            return os.pread(self._fd, 1, where)[0]
        return os.pread(self._fd, where.stop - where.start, where.start)


Data = bytes | OnDisk


def varint(data: Data, at: int) -> tuple[int, int]:
    """The unsigned number that begins at this byte, and where it ends. Raises Malformed and IndexError."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise Malformed


def fields(data: Data, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Each field's number, its kind, and its bytes' begin and end, or a VARINT's value twice. Raises Malformed."""
    left = MOST
    try:
        while at < end:
            left -= 1
            if not left:
                raise Malformed
            key, at = data[at], at + 1
            if key >= 0x80:
                key, at = varint(data, at - 1)
            kind = key & 7
            if kind in _SIZES:
                size = _SIZES[kind]
            elif kind in (BYTES, VARINT):
                size, at = data[at], at + 1
                if size >= 0x80:
                    size, at = varint(data, at - 1)
                if kind == VARINT:
                    yield key >> 3, kind, size, size
                    continue
            else:
                raise Malformed
            if size > end - at:
                raise Malformed
            yield key >> 3, kind, at, at + size
            at += size
    except IndexError:
        raise Malformed from None
    if at > end:
        raise Malformed


def signed(value: int) -> int:
    """An int64 of what `varint` gave."""
    return value - (1 << 64) if value >> 63 else value


def within(data: Data, at: int, end: int, path: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Where the messages or texts lie that are this field of that field. Raises Malformed."""
    for number, kind, begin, stop in fields(data, at, end):
        if number == path[0] and kind == BYTES:
            yield from within(data, begin, stop, path[1:]) if path[1:] else [(begin, stop)]
