"""A file as it was when a run started, so that what the run wrote to it can be told from what was there."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

_WHOLE = 1 << 18  # bytes that are digested whole; of a longer file both ends: a pattern may match a thousand old logs
_END = 1 << 16


class Written(NamedTuple):
    """What tells whether a file was written to since, and whether it was appended to."""

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int
    digest: str


def note(fd: int, info: os.stat_result) -> Written:
    """An open file as it is now. Raises OSError."""
    digest = prefix_digest(fd, info.st_size)
    return Written(info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, digest)


def is_as_before(info: os.stat_result, noted: Written) -> bool:
    """Whether nobody has written to the file."""
    return (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino) == noted[:4]


def prefix_digest(fd: int, size: int) -> str:
    """Of a file's first `size` bytes. Raises OSError."""
    from xxhash import xxh3_128

    state = xxh3_128()
    spans = [(0, size)] if size <= _WHOLE else [(0, _END), (size - _END, size)]
    for at, end in spans:
        while at < end and (block := os.pread(fd, min(1 << 20, end - at), at)):
            state.update(block)
            at += len(block)
    digest: str = state.hexdigest()
    return digest


def load(noted: Any) -> dict[str, Written]:
    """As JSON holds them, by name."""
    return {name: Written(*fields) for name, fields in noted.items() if len(fields) == len(Written._fields)}
