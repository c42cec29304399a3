"""One file to its xxh128 (XXH3 128 bits, as `xxhsum -H2` prints it) and the stat that goes with it. Constant memory.

A file that changes while it is read has no digest: that is an error, never a guess.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from xxhash import xxh3_128, xxh3_128_hexdigest

BLOCK = 1 << 20  # fits the second-level cache, so that hashing reads what was just copied


class Seen(NamedTuple):
    """A file as it was when it was hashed. The four numbers together change whenever its bytes do, but for races."""

    digest: str  # 32 hexadecimal digits
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class ChangedWhileRead(OSError):
    """Somebody wrote to the file while it was hashed."""


class NotAFile(OSError):
    """A socket, FIFO or device: its bytes are not there to be hashed."""


def digest_file(path: str | bytes) -> Seen:
    """Hash a file. Raises OSError: among them ChangedWhileRead, and NotAFile for what is no file and no link to one."""
    # Without O_NONBLOCK, opening a FIFO that nobody writes to would wait for ever.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise NotAFile
        size = before.st_size
        if size < BLOCK:
            content = os.read(fd, size + 1)
            digest, count = xxh3_128_hexdigest(content), len(content)
        else:
            digest, count = _in_blocks(fd)
        after = os.fstat(fd)
    finally:
        os.close(fd)
    if count != size or (after.st_mtime_ns, after.st_ctime_ns, after.st_size) != (
        before.st_mtime_ns,
        before.st_ctime_ns,
        size,
    ):
        raise ChangedWhileRead
    return Seen(digest, size, before.st_mtime_ns, before.st_ctime_ns, before.st_ino)


def _in_blocks(fd: int) -> tuple[str, int]:
    block = bytearray(BLOCK)
    view = memoryview(block)
    state, count = xxh3_128(), 0
    while got := os.readv(fd, (block,)):
        state.update(view if got == BLOCK else view[:got])
        count += got
    return state.hexdigest(), count
