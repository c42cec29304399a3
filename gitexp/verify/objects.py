"""Many objects read at once, each held against its own id: what is missing, damaged or of another kind is an error.

`git cat-file --batch`, beside us: of 60,000 objects it takes no longer than libgit2 in our own process, starts sooner,
and reads SHA-256, reftable and partial clones too (benchmarks/verifying.py measures it).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import AS_IT_IS, NoObject, Repo

SMALL = 1 << 20  # bytes of an object that is read with many others
BUDGET = 24 << 20  # bytes that are kept: what many records share is read once
LARGEST = 4 << 20  # bytes of a tree
Entry = tuple[str, str, str]  # mode, name, id
TREE, BLOB, COMMIT = "tree", "blob", "commit"


class Absent(GitexpError):
    """An object that cannot be had as what it is named for; `missing`: it is not here at all."""

    def __init__(self, what: str, *, missing: bool = False) -> None:
        super().__init__(what)
        self.missing = missing


class Objects:
    """Objects of one repository, by id. Use as a context manager."""

    def __init__(self, repo: Repo) -> None:
        # Others may stand in for what a record is made of (`git replace`), and a promised object is not asked for.
        self.reader = ObjectReader(repo, env={**AS_IT_IS, "GIT_NO_LAZY_FETCH": "1"})
        self._kept: dict[tuple[str, str], bytes | Absent] = {}  # by id and kind
        self._trees: dict[str, list[Entry]] = {}
        self._room = BUDGET

    def __enter__(self) -> Objects:
        self.reader.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.reader.__exit__(*error)

    def forget(self) -> None:
        """Make room for others."""
        self._trees.clear()
        if self._room < BUDGET // 2:
            self._kept.clear()
            self._room = BUDGET

    def fetch(self, wanted: Mapping[str, str]) -> None:
        """Have these ready, as far as there is room; each with its kind."""
        new = [oid for oid, kind in wanted.items() if (oid, kind) not in self._kept]
        for oid, found in zip(new, self.reader.find_many(new, limit=SMALL), strict=True):
            if found is None:
                self._kept[oid, wanted[oid]] = Absent("missing from this clone", missing=True)
            elif found[1] is not None and self._room > 0:
                self._room -= len(found[1]) + 100
                self._kept[oid, wanted[oid]] = found[1] if _is(found[1], oid, wanted[oid]) else _other(wanted[oid])

    def read(self, oid: str, kind: str = BLOB, *, limit: int = SMALL) -> bytes:
        """One object. Raises Absent."""
        known = self._kept.get((oid, kind))
        if known is None:
            found = self.reader.find(oid, limit=limit)
            if found is None:
                raise Absent("missing from this clone", missing=True)
            if found[1] is None:
                raise Absent(f"larger than {limit >> 10:,} KiB")
            known = found[1] if _is(found[1], oid, kind) else _other(kind)
        if isinstance(known, Absent):
            raise known
        return known

    def tree(self, oid: str) -> list[Entry]:
        """What a tree holds. Raises Absent, also for what is no tree."""
        if oid not in self._trees:
            self._trees[oid] = _entries(self.read(oid, TREE, limit=LARGEST), len(oid) // 2)
        return self._trees[oid]

    def blocks(self, oids: Iterable[str]) -> Iterator[bytes]:
        """Files one after the other, in pieces of whole lines. Raises Absent."""
        for oid in oids:
            known = self._kept.get((oid, BLOB))
            if known is not None:
                yield self.read(oid)
                continue
            try:
                size = sum(map(len, self.reader.blocks(oid)))
                state = _hash(oid, BLOB, size)
                for block in self.reader.blocks(oid):
                    state.update(block)
                    yield block
            except NoObject as error:
                raise Absent("missing from this clone, or damaged", missing=True) from error
            if state.hexdigest() != oid:
                raise _other(BLOB)


def _other(kind: str) -> Absent:
    return Absent(f"no {kind}, or damaged: its bytes are not those of its id")


def _is(content: bytes, oid: str, kind: str) -> bool:
    state = _hash(oid, kind, len(content))
    state.update(content)
    return state.hexdigest() == oid


def _hash(oid: str, kind: str, size: int) -> hashlib._Hash:
    make = hashlib.sha256 if len(oid) == 64 else hashlib.sha1
    return make(b"%s %d\0" % (kind.encode(), size), usedforsecurity=False)


def _entries(content: bytes, id_bytes: int) -> list[Entry]:
    entry = rb"([0-7]{5,6}) ([^\0/]++)\0(.{%d})" % id_bytes
    if not re.fullmatch(b"(?:%s)*+" % entry, content, re.DOTALL):
        raise Absent("no tree that git would write")
    found = re.findall(entry, content, re.DOTALL)
    return [(mode.decode(), name.decode("utf-8", "surrogateescape"), oid.hex()) for mode, name, oid in found]
