"""A folder as it is now and what was known of it to what is known now: only files whose stat differs are hashed."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain

from gitexp.datasets.digest import Seen
from gitexp.datasets.hashing import Hasher
from gitexp.datasets.sections import STAT, Section, names_of, packed, stats_of, young
from gitexp.datasets.walk import File, Folder, Problem

# A file system may note the time of a change only to the second or two: a file written this shortly before it was
# hashed could be written again without its stat showing it. git calls such entries racy; we call them young.
YOUNG_NS = 2_000_000_000


def gather(folder: Folder, old: Section | None, hasher: Hasher, *, began_ns: int) -> Section:
    """The files of a folder; `old` itself where nothing changed. What cannot be hashed is noted in the folder.

    `began_ns`: no file was hashed before, by this computer's clock.
    """
    columns = _Columns(began_ns - YOUNG_NS)
    rows = _Rows(old) if old is not None else None
    for files in folder.batches():
        names = names_of(files)
        if rows is None:
            results = hasher.hash(folder, [file.name for file in files])
            columns.add_hashed(names, results, folder)
            continue
        stats = stats_of(files)
        if rows.take_same(names, stats, columns):
            hasher.skip(stats)
        else:
            _add_mixed(folder, files, stats, rows, hasher=hasher, to=columns)
    children = b"".join(sorted(name + b"\0" for name, _ in folder.children))
    found = columns.section(folder.prefix, children)
    # The spans say where the lines lie; they are no property of the files.
    return old if old is not None and found == old._replace(spans=()) else found


class _Columns:
    """A section that grows."""

    def __init__(self, young_from_ns: int) -> None:
        self.young_from_ns = young_from_ns
        self.names, self.stats, self.digests, self.sha256 = bytearray(), bytearray(), bytearray(), bytearray()

    def section(self, prefix: bytes, children: bytes) -> Section:
        return Section(prefix, children, bytes(self.names), bytes(self.stats), bytes(self.digests), bytes(self.sha256))

    def add(self, names: bytes, stats: bytes, digests: bytes, sha256: bytes) -> None:
        self.names += names
        self.stats += stats
        self.digests += digests
        self.sha256 += sha256

    def add_hashed(self, names: bytes, results: Sequence[Seen | Problem], folder: Folder) -> None:
        """Files that were all hashed just now; `names` is a column."""
        seen = [result for result in results if not isinstance(result, Problem)]
        if len(seen) < len(results):
            folder.problems += [result for result in results if isinstance(result, Problem)]
            each = zip(names.split(b"\0"), results, strict=False)
            names = b"".join(name + b"\0" for name, result in each if not isinstance(result, Problem))
        try:
            numbers = array("q", chain.from_iterable([one[1:5] for one in seen]))
            youngest = max(max(numbers[1::4], default=0), max(numbers[2::4], default=0))
            stats = numbers.tobytes() if youngest < self.young_from_ns else b"".join(map(self._stat, seen))
        except OverflowError:  # an inode of 64 bits
            stats = b"".join(map(self._stat, seen))
        sha256 = bytes.fromhex("".join([one.sha256 or "" for one in seen]))
        self.add(names, stats, bytes.fromhex("".join([one.digest for one in seen])), sha256)

    def _stat(self, one: Seen) -> bytes:
        stat = packed(*one[1:5])
        return young(stat) if max(one.mtime_ns, one.ctime_ns) >= self.young_from_ns else stat


class _Rows:
    """The rows of an old section, taken in the order in which they are, or found by name."""

    def __init__(self, old: Section) -> None:
        self.old = old
        self.at = self.names_at = 0
        self.by_name: dict[bytes, int] | None = None

    def take_same(self, names: bytes, stats: bytes, columns: _Columns) -> bool:
        """Add the next rows as they are, if these are their names and stats."""
        old, start, end = self.old, self.at, self.at + len(stats) // STAT
        if old.stats[start * STAT : end * STAT] != stats or not old.names.startswith(names, self.names_at):
            return False
        wide = 32 if old.sha256 else 0
        columns.add(names, stats, old.digests[start * 16 : end * 16], old.sha256[start * wide : end * wide])
        self._pass(names, end - start)
        return True

    def find(self, names: bytes) -> Sequence[int | None]:
        """The row of each name; None where there is none."""
        start, count = self.at, names.count(b"\0")
        in_order = self.old.names.startswith(names, self.names_at)
        self._pass(names, count)
        if in_order:
            return range(start, start + count)
        if self.by_name is None:
            self.by_name = {name: row for row, name in enumerate(self.old.names.split(b"\0")[:-1])}
        return [self.by_name.get(name) for name in names.split(b"\0")[:-1]]

    def _pass(self, names: bytes, count: int) -> None:
        self.at += count
        self.names_at += len(names)


def _add_mixed(
    folder: Folder, files: Sequence[File], stats: bytes, rows: _Rows, *, hasher: Hasher, to: _Columns
) -> None:
    """Files of which some are as they were: the others are hashed."""
    old, names = rows.old, names_of(files)
    wide = 32 if old.sha256 else 0
    found = rows.find(names)
    each = [stats[at : at + STAT] for at in range(0, len(stats), STAT)]
    same = [
        row is not None and old.stats[row * STAT : row * STAT + STAT] == stat
        for row, stat in zip(found, each, strict=True)
    ]
    hasher.skip(b"".join([stat for stat, is_same in zip(each, same, strict=True) if is_same]))
    fresh = iter(hasher.hash(folder, [file.name for file, is_same in zip(files, same, strict=True) if not is_same]))
    for name, row, stat, is_same in zip(names.split(b"\0"), found, each, same, strict=False):
        if is_same and row is not None:
            digests, sha256 = old.digests[row * 16 : row * 16 + 16], old.sha256[row * wide : (row + 1) * wide]
            to.add(name + b"\0", stat, digests, sha256)
        else:
            to.add_hashed(name + b"\0", [next(fresh)], folder)
