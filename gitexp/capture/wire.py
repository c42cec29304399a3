"""Protocol buffers as they lie on the wire: fields by number, without a description of the message.

Bytes are asked for piece by piece, so that what is large and not wanted is never read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SIZES = {FIXED64: 8, FIXED32: 4}

Get = Callable[[int, int], bytes]  # (from which byte, how many): fewer where they end


class Malformed(ValueError):
    """These bytes are no message."""


def held(data: bytes) -> Get:
    """Bytes that are in memory."""
    return lambda at, size: data[at : at + size]


def varint(get: Get, at: int) -> tuple[int, int]:
    """The unsigned number that begins at this byte, and where it ends."""
    value = 0
    for index, byte in enumerate(get(at, 10)):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at + index + 1
    raise Malformed


def fields(get: Get, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Each field's number, its kind, and its bytes' begin and end, or a VARINT's value twice. Raises Malformed."""
    while at < end:
        key, at = varint(get, at)
        kind = key & 7
        if kind == VARINT:
            value, at = varint(get, at)
            yield key >> 3, kind, value, value
            continue
        size = _SIZES.get(kind)
        if size is None:
            if kind != BYTES:
                raise Malformed
            size, at = varint(get, at)
        if size > end - at:
            raise Malformed
        yield key >> 3, kind, at, at + size
        at += size
    if at > end:
        raise Malformed


def signed(value: int) -> int:
    """An int64 of what `varint` gave."""
    return value - (1 << 64) if value >> 63 else value
