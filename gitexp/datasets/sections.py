"""What is known of the files in one folder, in columns: names, stats and digests, a few bytes a file.

A section is compared with what is there now batch by batch, as whole columns: an unchanged folder costs its stats and
two comparisons of bytes. From sections come the lines of a manifest, in groups that stay together when sorted.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from operator import attrgetter
from typing import NamedTuple

from gitexp.datasets.walk import File
from gitexp.record.manifest import Algorithm, dump_lines

STAT = 32  # bytes of a file's stat: size, mtime_ns, ctime_ns, inode, eight bytes each
GONE = b"\xff" * STAT  # the stat of what could not be looked at; like no other
MANY = 128  # above this many changed files, a folder's lines are written anew: each is looked for from the first on

_four = attrgetter("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")


class Span(NamedTuple):
    """Where lines of a folder lie in the manifest. `key` sorts as they do among all others'."""

    key: bytes
    start: int
    length: int


class Section(NamedTuple):
    """The files of one folder, in the order in which the file system listed them."""

    prefix: bytes  # empty, or ends with a slash
    children: bytes  # folders in it by name, sorted; each ends with a zero byte
    names: bytes  # each ends with a zero byte
    stats: bytes  # STAT bytes each; a young file's is one that never compares equal
    digests: bytes  # 16 bytes each
    sha256: bytes  # 32 bytes each, or empty
    spans: tuple[Span, ...] = ()

    @property
    def files(self) -> int:
        return len(self.stats) // STAT

    @property
    def size_bytes(self) -> int:
        return sum(sizes(self.stats))


def sizes(stats: bytes) -> Sequence[int]:
    return array("q", stats)[::4]


def names_of(files: Sequence[File]) -> bytes:
    """The column of names."""
    return os.fsencode("\0".join([*[file.name for file in files], ""]))


def stats_of(files: Sequence[File]) -> bytes:
    """The column of stats; GONE for a file that cannot be looked at any more."""
    try:
        # DirEntry.stat follows links, and for what is none it asks the system once.
        return array("q", chain.from_iterable(map(_four, [file.stat() for file in files]))).tobytes()
    except (OSError, OverflowError):
        return b"".join(map(_stat_of, files))


def _stat_of(file: File) -> bytes:
    try:
        return packed(*_four(file.stat()))
    except OSError:
        return GONE


def packed(size: int, mtime_ns: int, ctime_ns: int, inode: int) -> bytes:
    """One stat. An inode may have 64 bits and a time may be before 1970: all are taken modulo 2**64."""
    mask = (1 << 64) - 1
    return array("Q", (size, mtime_ns & mask, ctime_ns & mask, inode & mask)).tobytes()


def young(stat: bytes) -> bytes:
    """The same stat as one that never compares equal: the times could not tell if the file were written again."""
    return stat[:16] + bytes(16)


def lines_of(section: Section, algorithm: Algorithm) -> list[tuple[bytes, bytes]]:
    """Its lines in groups with their keys: sorted by key, the groups of all sections make the manifest."""
    names = section.names.split(b"\0")[:-1]
    order = sorted(range(len(names)), key=names.__getitem__)
    names = [names[number] for number in order]
    width = algorithm.hex_digits
    digits = (section.digests if algorithm.name == "xxh128" else section.sha256).hex().encode()
    lines = dump_lines(section.prefix, names, [digits[n * width : (n + 1) * width] for n in order])
    # A folder's files lie together, except where the files of a folder in it come in between.
    cuts = [bisect_left(names, child + b"/") for child in section.children.split(b"\0")[:-1]]
    bounds = sorted({0, *cuts, len(names)})
    return [(section.prefix + names[start], b"".join(lines[start:end])) for start, end in pairwise(bounds)]


def patched(groups: list[tuple[bytes, bytes]], old: Section, new: Section) -> list[tuple[bytes, bytes]] | None:
    """The groups of `old` with the xxh128 digests of `new`; None where so much differs that they are written anew."""
    if (old.names, old.children) != (new.names, new.children):
        return None
    changed = list(differing(old.digests, new.digests, width=16))
    if not changed:
        return groups
    if len(changed) > MANY:
        return None
    names, keys = old.names.split(b"\0"), [key for key, _ in groups]
    fresh = [bytearray(lines) for _, lines in groups]
    for number in changed:
        name, row = names[number], slice(16 * number, 16 * number + 16)
        was, now = (dump_lines(old.prefix, [name], [one.digests[row].hex().encode()])[0] for one in (old, new))
        lines = fresh[bisect_right(keys, old.prefix + name) - 1]
        at = lines.find(was)
        if at < 0 or (at and lines[at - 1] != ord("\n")):
            return None
        lines[at : at + len(was)] = now
    return [(key, bytes(lines)) for key, lines in zip(keys, fresh, strict=True)]


def differing(a: bytes, b: bytes, *, width: int) -> Iterator[int]:
    """Numbers of the rows in which two columns of equal length differ, found by halving."""
    waiting = [(0, len(a) // width)]
    while waiting:
        start, end = waiting.pop()
        if start == end or a[start * width : end * width] == b[start * width : end * width]:
            continue
        if end - start == 1:
            yield start
            continue
        middle = (start + end) // 2
        waiting += [(middle, end), (start, middle)]
