"""Manifests held against section 7, line by line and part by part, whatever their length; and the bytes they name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from xxhash import xxh3_128

from gitexp.errors import GitexpError
from gitexp.record.manifest import BLOCK, PART_LINES, PART_MODULUS, SHA256, XXH128, Algorithm, Entry, parse_blocks
from gitexp.verify.objects import Absent, Objects

if TYPE_CHECKING:
    from gitexp.datasets.objects.store import ObjectStore


class Manifest(NamedTuple):
    """What reading one came to; `paths`: a digest of them, in their order."""

    files: int = 0
    xxh128: str = ""
    sha256: str = ""
    paths: str = ""
    problems: tuple[str, ...] = ()
    absent: Absent | None = None


def read_manifest(
    objects: Objects,
    parts: Sequence[tuple[str, str]] | str,
    *,
    strong: bool = False,
    each: Callable[[Entry], object] = lambda entry: None,
) -> Manifest:
    """`parts`: the id of the file, or names and ids in its folder. `each` is told every line."""
    named = [("", parts)] if isinstance(parts, str) else parts
    content, own, paths = xxh3_128(), hashlib.sha256(), xxh3_128()
    ends, count, problems = set[int](), 0, list[str]()

    def blocks() -> Iterator[bytes]:
        above = 0
        for _, oid in named:
            for block in objects.blocks([oid]):
                content.update(block)
                own.update(block)
                above += block.count(b"\n")
                yield block
            ends.add(above)

    algorithm: Algorithm = SHA256 if strong else XXH128
    astray, last_ends = False, True  # a part ends where none should, or does not where one should
    try:
        for entry in parse_blocks(blocks(), where="it", algorithm=algorithm):
            if count and not isinstance(parts, str):
                astray = astray or (count in ends) != last_ends
            count += 1
            last_ends = crc32(entry.path) % PART_MODULUS == 0
            paths.update(entry.path + b"\0")
            each(entry)
    except Absent as error:
        return Manifest(absent=error)
    except GitexpError as error:
        return Manifest(problems=(error.what,))
    if not isinstance(parts, str):
        if [name for name, _ in named] != [f"{number:06d}" for number in range(len(named))]:
            problems.append("its parts are not 000000, 000001, …")
        if astray:
            problems.append("its parts do not end where they must")
        if count <= PART_LINES:
            problems.append(f"is in parts, with {count:,} lines")
    return Manifest(count, content.hexdigest(), own.hexdigest(), paths.hexdigest(), tuple(problems))


class Bytes:
    """What the object store of this clone has, each object read again once."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[str, int | None] = {}  # of what is here; None: damaged
        self._absent: set[int] = set()  # hashes: a record may name a million
        self._damaged: list[str] = []  # that nobody was told of yet

    @property
    def checked(self) -> int:
        """How many objects were read."""
        return len(self._known)

    @property
    def absent(self) -> int:
        """How many are not here."""
        return len(self._absent)

    def size_of(self, digest: str) -> int | None:
        """How many bytes it has; None: it is not here, or is not what it should be."""
        if digest in self._known:
            return self._known[digest]
        try:
            size = self._store.size_bytes(digest)
            whole = size is not None and self._store.is_whole(digest)
        except (GitexpError, OSError):  # no digest that a store knows, which its own check says
            size, whole = None, False
        if size is None:
            self._absent.add(hash(digest))
            return None
        if not whole:
            self._damaged.append(digest)
        self._known[digest] = size if whole else None
        return self._known[digest]

    def blocks(self, digest: str) -> Iterator[bytes]:
        """The bytes of what is here, in pieces."""
        with self._store.path_of(digest).open("rb") as file:
            while piece := file.read(BLOCK):
                yield piece

    def told(self) -> Iterator[str]:
        """What is damaged here and was not said yet."""
        damaged, self._damaged = self._damaged, []
        for digest in damaged:
            yield f"the bytes of {digest} in the object store are others by now"
