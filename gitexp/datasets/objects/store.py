"""Files to objects named by their digest, `xxh128/ab/cdef…` below a folder: written once, read-only, never changed.

An object has its name only when all of it is there and verified, so that any number of writers may store the same one
at once, and a full disk or a kill leaves at most an unnamed file in `incoming/`, or part of one in `partial/`.
A lab may share the folder: what is made in it takes over its mode, as with git's core.sharedRepository.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.digest import digest_file
from gitexp.datasets.objects.batch import (
    INCOMING,
    Batch,
    Healing,
    has_size,
)
from gitexp.datasets.objects.objectname import Name, digest_at, name_of
from gitexp.errors import GitexpError
from gitexp.record.digests import Digest
from gitexp.record.manifest import ALGORITHM, HEX_DIGITS

PARTIAL = "partial"
SHOWN = 20
LARGEST_READ = 1 << 30  # bytes: what is read whole into memory is a manifest, not data


class Held(NamedTuple):
    """An object in the store. `stored_at`: when it came, or last got another name, in epoch seconds."""

    digest: Digest
    size_bytes: int
    stored_at: float


class ObjectStore:
    """Objects below `root`. Digests are `xxh128:` or nothing and 32 digits, or keyed ones (objectname.py)."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # ---- questions

    def path_of(self, digest: str) -> Path:
        """Where the object lies, or would lie. Raises GitexpError for what is no digest (it may come from a record)."""
        return self.root / name_of(digest).key

    def has(self, digest: str) -> bool:
        return self.path_of(digest).is_file()

    def holds(self, digest: str, size_bytes: int | None) -> bool:
        """Whether the object is there, as long as it should be; None: not known."""
        return self.has(digest) if size_bytes is None else has_size(self.path_of(digest), size_bytes)

    def holds_whole(self, digest: str, size_bytes: int | None) -> bool:
        """As `holds`, with every byte read. What is damaged is removed: whoever asks has the bytes to store anew."""
        if self.has(digest) and not self.is_whole(digest):
            self.remove(digest)
        return self.holds(digest, size_bytes)

    def beginning_with(self, digits: str) -> list[str]:
        """The digests that begin so; at least two digits. For people, who do not type 32."""
        folder = self.root / ALGORITHM / digits[:2]
        names = (entry.name for entry in folder.iterdir()) if folder.is_dir() else ()
        found = (digest_at(f"{ALGORITHM}/{digits[:2]}/{name}") for name in names if name.startswith(digits[2:]))
        return sorted(digest for digest in found if digest is not None)

    def size_bytes(self, digest: str) -> int | None:
        """None: it is not there."""
        try:
            return self.path_of(digest).stat().st_size
        except FileNotFoundError:
            return None

    def read_bytes(self, digest: str) -> bytes:
        """An object whole, verified (but for a keyed one): manifests are read so. Raises GitexpError."""
        path = self.path_of(digest)
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_READ + 1)
        except FileNotFoundError as error:
            raise GitexpError(f"{digest} is not in the object store", why=f"The object store is {self.root}") from error
        except OSError as error:
            raise GitexpError(f"{path} cannot be read: {error.strerror}") from error
        name = name_of(digest)
        if len(content) > LARGEST_READ:
            raise GitexpError(f"{digest} has more than {LARGEST_READ} bytes: no manifest is so long")
        if name.can_be_checked and not name.fits(_digits(content)):
            raise Damaged([digest], [path])
        return content

    def is_whole(self, digest: str, *, lab_key: bytes | None = None) -> bool:
        """Whether the object is there and its bytes, all read again, are those of its name."""
        name = name_of(digest, lab_key)
        try:
            return name.fits(digest_file(os.fsencode(self.root / name.key)).digest)
        except OSError:
            return False

    def objects(self) -> Iterator[Held]:
        """Everything in the store, in no particular order; what vanishes meanwhile is left out."""
        for algorithm in _folders(self.root):
            for first in _folders(Path(algorithm.path)):
                with os.scandir(first.path) as entries:
                    for entry in entries:
                        digest = digest_at(f"{algorithm.name}/{first.name}/{entry.name}")
                        try:
                            found = entry.stat(follow_symlinks=False)
                        except FileNotFoundError:
                            continue
                        if digest is not None:
                            yield Held(digest, found.st_size, found.st_ctime)

    # ---- ways in

    def batch(self) -> Batch:
        """Many objects for one wait: `with store.batch() as batch: batch.put(…)`; they have names once it is left."""
        return Healing(self.root)

    def put(self, path: Path, *, digest: str, lab_key: bytes | None = None) -> bool:
        """Copy a file that may still be written to; False: it was there. Raises GitexpError if the bytes are others.

        An object that is longer or shorter than the file is damaged, and replaced.
        The user's own files come in this way: never as a second name, because they may be written to in place later.
        """
        with self.batch() as batch:
            return batch.put(path, digest=digest, lab_key=lab_key)

    def put_bytes(self, content: bytes) -> str:
        """Store bytes; their digest."""
        name = Name(ALGORITHM, _digits(content))
        with self.batch() as batch:
            batch.put_content(content, name)
        return name.digest

    def put_keyed(self, content: bytes, digest: str) -> None:
        """Store bytes under the keyed digest that the caller has made of theirs."""
        with self.batch() as batch:
            batch.put_content(content, name_of(digest))

    def take(self, path: Path, *, digest: str) -> None:
        """Store a file that is done with, as Batch.take does."""
        with self.batch() as batch:
            batch.take(path, digest=digest)

    def adopt(self, path: Path, *, digest: str) -> None:
        """Store a file that gitexp itself wrote and will not write to again. `path` stays, as in Batch.take."""
        with self.batch() as batch:
            batch.adopt(path, digest=digest)

    # ---- ways out

    def remove(self, digest: str) -> None:
        """Remove an object; one that is not there is no error. Raises GitexpError where it may not be removed."""
        path = self.path_of(digest)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise GitexpError(f"{path} cannot be removed: {error.strerror}") from error

    def leftovers(self) -> Iterator[Path]:
        """What interrupted writers and transfers left behind: unnamed files, and parts that could be continued."""
        for folder in (INCOMING, PARTIAL):
            if (self.root / folder).is_dir():
                yield from (self.root / folder).iterdir()


class Damaged(GitexpError):
    """Somebody, or the disk, has changed objects: those of `digests`, which lie at `paths`."""

    def __init__(self, digests: Sequence[str], paths: Sequence[Path]) -> None:
        what = f"The object {digests[0]} is" if len(digests) == 1 else f"{len(digests)} objects are"
        whose = "its bytes are" if len(digests) == 1 else "their bytes are"
        super().__init__(f"{what} damaged: {whose} others by now", details=[f"  {path}" for path in paths[:SHOWN]])
        self.digests = tuple(digests)


def _digits(content: bytes) -> str:
    from xxhash import xxh3_128_hexdigest

    digits: str = xxh3_128_hexdigest(content)
    assert len(digits) == HEX_DIGITS
    return digits


def _folders(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return
