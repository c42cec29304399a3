"""Restricted datasets to what tells their bytes wherever they turn up: their places here, their sizes, their digests.

Known are the files that lie at their paths, and those of manifests that the object store has. A file is hashed only
when something of its size is asked for. Files of a byte or two tell nothing, and many datasets have one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.digest import digest_file
from gitexp.datasets.place import Place
from gitexp.datasets.sources.looks import DVC, pointer_text
from gitexp.datasets.walk import Problem, walk
from gitexp.errors import GitexpError
from gitexp.record.digests import Digest
from gitexp.record.manifest import display, parse_manifest
from gitexp.spec.catalogue import DatasetRef

LEAST = 3  # bytes; an empty `__init__.py` or "{}" is nobody's
LICENSES = (b"LICENSE", b"LICENCE", b"COPYING", b"NOTICE")  # lie beside data and beside code, and are public
BESIDE = (b".gitignore", b".gitattributes", b".gitkeep")  # files of git's, which lie among data


class Owner(NamedTuple):
    """The restricted dataset that bytes belong to, and which of its files they are."""

    dataset: str
    file: str


class RestrictedBytes:
    """The bytes of these datasets, as far as this clone knows them. Places are relative to the repository's root."""

    def __init__(self, refs: Iterable[DatasetRef], place: Place) -> None:
        self._place = place
        self._places: list[tuple[str, str]] = []  # as `_folded` has them, and of which dataset
        self._by_size: dict[int, list[tuple[str | bytes, Owner]]] = {}  # files here that nobody has hashed yet
        self._digests: dict[str, Owner] = {}
        self._sizeless = False  # whether there are digests of files whose size nobody here knows
        self._real_root = Path(os.path.realpath(place.root))
        self.unknown: list[str] = []  # datasets of which this clone has neither files nor their digests
        for ref in refs:
            if ref.path is not None:
                self.add_place(ref.name, ref.path)
            here = ref.path is not None and self._add_files(ref.name, ref.path)
            pinned = ref.digest is not None and self._add_pin(ref.name, ref.digest)
            if not here and not pinned:
                self.unknown.append(ref.name)

    def add_place(self, dataset: str, path: str) -> None:
        """Where a dataset lies. Nothing is read there."""
        lexical = self._lexical(path)
        for root, where in ((self._place.root, lexical), (self._real_root, Path(os.path.realpath(lexical)))):
            if where.is_relative_to(root):
                inside = (_folded(where.relative_to(root).as_posix()), dataset)
                if inside not in self._places:
                    self._places.append(inside)

    def _lexical(self, path: str) -> Path:
        return Path(os.path.normpath(self._place.root / path.removesuffix(DVC)))

    def _add_files(self, dataset: str, path: str) -> bool:
        found, lexical = False, self._lexical(path)
        for file in walk(os.fsencode(lexical)) if lexical.exists() else ():
            if isinstance(file, Problem) or os.path.basename(file.relative) in BESIDE:
                continue
            found = True
            if _is_license(file.relative):
                continue
            try:
                size = os.stat(file.path).st_size
                if pointer_text(file.path) is not None:
                    continue  # git-lfs has the bytes
            except OSError:
                continue
            if size >= LEAST:
                self._by_size.setdefault(size, []).append((file.path, Owner(dataset, display(file.relative))))
        return found

    def add_manifest(self, dataset: str, manifest: bytes) -> None:
        """What a version of a dataset consists of."""
        for entry in parse_manifest(manifest):
            size = self._place.store.size_bytes(Digest.xxh128(entry.digest))
            public = os.path.basename(entry.path) in BESIDE or _is_license(entry.path)
            if public or (size is not None and size < LEAST):
                continue
            self._digests.setdefault(entry.digest, Owner(dataset, display(entry.path)))
            if size is None:
                self._sizeless = True
            else:
                self._by_size.setdefault(size, [])

    def _add_pin(self, dataset: str, digest: str) -> bool:
        try:
            self.add_manifest(dataset, self._place.store.read_bytes(digest))
        except GitexpError:  # not here, or damaged
            return False
        return True

    def at(self, path: str) -> str | None:
        """The dataset whose place this path is, or lies in; whatever its case and its Unicode normal form."""
        if os.path.basename(os.fsencode(path)) in BESIDE or path.endswith(DVC):
            return None
        folded = _folded(path)
        for place, dataset in self._places:
            if place == "." or folded == place or folded.startswith(f"{place}/"):
                return dataset
        return None

    def owner(self, size: int, digest: Callable[[], str], *, thorough: bool) -> Owner | None:
        """Whose bytes these are. `thorough`: also where only digests are known, and no sizes to go by."""
        same_size = self._by_size.get(size)
        if size < LEAST or (same_size is None and not (thorough and self._sizeless)):
            return None
        while same_size:
            path, owner = same_size.pop()
            try:
                self._digests.setdefault(digest_file(path).digest, owner)
            except OSError:
                continue  # gone, or being written to: then nothing can be a copy of it
        return self._digests.get(digest())


def _is_license(path: bytes) -> bool:
    stem, _, ending = os.path.basename(path).partition(b".")
    return stem.upper() in LICENSES and ending.lower() in (b"", b"txt", b"md", b"rst")


def _folded(path: str) -> str:
    from unicodedata import normalize

    return normalize("NFC", path).casefold()
