"""One file to its digests (xxh128 as `xxhsum -H2` prints it, sha256 where asked) and the stat that goes with them.

Constant memory, whatever the size. A file that changes while it is read has no digest: that is an error, never a guess.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from xxhash import xxh3_128, xxh3_128_hexdigest

from gitexp.regularfile import open_regular

BLOCK = 1 << 20  # fits the second-level cache, so that hashing reads what was just copied
SMALL = 1 << 16  # up to here one read into memory of its own; a buffer that is kept is no faster


class Seen(NamedTuple):
    """A file as it was when it was hashed. The four numbers together change whenever its bytes do, but for races."""

    digest: str  # 32 hexadecimal digits
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    sha256: str | None = None  # None: not asked for


class ChangedWhileRead(OSError):
    """Somebody wrote to the file while it was hashed."""


Update = Callable[[memoryview], object]
Advance = Callable[[int], None]  # told the bytes of each block that was hashed, from any thread


def digest_blocks(blocks: Iterable[bytes]) -> str:
    """The xxh128 of bytes that come in pieces."""
    state = xxh3_128()
    for block in blocks:
        state.update(block)
    digest: str = state.hexdigest()
    return digest


def digest_file(path: str | bytes, *, dir_fd: int | None = None, advance: Advance | None = None) -> Seen:
    """Hash a file. Raises OSError: among them ChangedWhileRead, and NotAFile for what is no file and no link to one."""
    fd, before = open_regular(path, dir_fd=dir_fd)
    try:
        size = before.st_size
        if size <= SMALL:
            content = os.read(fd, size + 1)
            digest, count = xxh3_128_hexdigest(content), len(content)
        else:
            state = xxh3_128()
            count = _feed(fd, size, state.update, advance)
            digest = state.hexdigest()
        _unchanged(fd, before, count)
    finally:
        os.close(fd)
    return Seen(digest, size, before.st_mtime_ns, before.st_ctime_ns, before.st_ino)


def digest_file_sha256(path: str | bytes, *, dir_fd: int | None = None, advance: Advance | None = None) -> Seen:
    """As digest_file, with the sha256 too."""
    from hashlib import sha256

    strong = sha256()
    seen = digest_with(path, strong.update, dir_fd=dir_fd, advance=advance)
    return seen._replace(sha256=strong.hexdigest())


def digest_with(path: str | bytes, *others: Update, dir_fd: int | None = None, advance: Advance | None = None) -> Seen:
    """As digest_file, and each block of BLOCK bytes goes to the others too: one pass over the bytes for all."""
    fd, before = open_regular(path, dir_fd=dir_fd)
    try:
        state = xxh3_128()

        def update(block: memoryview) -> None:
            for one in (state.update, *others):
                one(block)

        if before.st_size <= SMALL:
            content = os.read(fd, before.st_size + 1)
            update(memoryview(content))
            count = len(content)
        else:
            count = _feed(fd, before.st_size, update, advance)
        _unchanged(fd, before, count)
    finally:
        os.close(fd)
    return Seen(state.hexdigest(), before.st_size, before.st_mtime_ns, before.st_ctime_ns, before.st_ino)


def _feed(fd: int, size: int, update: Update, advance: Advance | None) -> int:
    from gitexp.datasets.readahead import feed

    return feed(fd, size, update=update, advance=advance)


def _unchanged(fd: int, before: os.stat_result, count: int) -> None:
    after = os.fstat(fd)
    if count != before.st_size or (after.st_mtime_ns, after.st_ctime_ns, after.st_size) != (
        before.st_mtime_ns,
        before.st_ctime_ns,
        before.st_size,
    ):
        raise ChangedWhileRead
