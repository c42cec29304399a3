"""Files to objects named by their digest, `xxh128/ab/cdef…` below a folder: written once, read-only, never changed.

An object has its name only when all of it is there and verified, so that any number of writers may store the same one
at once, and a full disk or a kill leaves at most an unnamed file in `incoming/`, or part of one in `partial/`.
A lab may share the folder: what is made in it takes over its mode, as with git's core.sharedRepository.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.digest import digest_file
from gitexp.datasets.objects.copies import copy_synced, nobody_writes, sync, write_all
from gitexp.datasets.objects.names import Name, digest_at, name_of
from gitexp.errors import GitexpError
from gitexp.model.manifest import ALGORITHM, HEX_DIGITS

READ_ONLY = 0o444
INCOMING, PARTIAL = "incoming", "partial"
LARGEST_READ = 1 << 30  # bytes: what is read whole into memory is a manifest, not data


class Held(NamedTuple):
    """An object in the store. `stored_at`: when it came, or last got another name, in epoch seconds."""

    digest: str
    size_bytes: int
    stored_at: float


class ObjectStore:
    """Objects below `root`. Digests are `xxh128:` or nothing and 32 digits, or keyed ones (names.py)."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # ---- questions

    def path_of(self, digest: str) -> Path:
        """Where the object lies, or would lie. Raises GitexpError for what is no digest (it may come from a record)."""
        return self.root / name_of(digest).key

    def has(self, digest: str) -> bool:
        return self.path_of(digest).is_file()

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
            raise damaged(digest, path)
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

    def put(self, path: Path, *, digest: str, lab_key: bytes | None = None) -> bool:
        """Copy a file that may still be written to; False: it was there. Raises GitexpError if the bytes are others.

        The user's own files come in this way: never as a second name, because they may be written to in place later.
        """
        name = name_of(digest, lab_key)
        if (self.root / name.key).is_file():
            return False
        unnamed = None
        try:
            unnamed = self.unnamed()
            found = copy_synced(path, unnamed)
            if not name.fits(found):
                raise _changed(path, name, found)
            return self._name(unnamed, name)
        except OSError as error:
            raise self._full(str(path), error) from error
        finally:
            if unnamed is not None:
                unnamed.unlink(missing_ok=True)

    def put_bytes(self, content: bytes) -> str:
        """Store bytes; their digest."""
        name = Name(ALGORITHM, _digits(content))
        self._put_content(content, name)
        return name.digest

    def put_keyed(self, content: bytes, digest: str) -> None:
        """Store bytes under the keyed digest that the caller has made of theirs."""
        self._put_content(content, name_of(digest))

    def take(self, path: Path, *, digest: str) -> None:
        """Store a file that is done with, without copying where that is safe. Raises GitexpError for other bytes.

        `path` stays, perhaps as a second name of the object (read-only like it): who takes must remove it, not write
        to it. It is copied where it has other names already (they may be the user's), and where a process that
        outlived its program may still write to it.
        """
        name = name_of(digest)
        if (self.root / name.key).is_file():
            return
        try:
            found = path.lstat()
            if os.path.realpath(path) == os.path.abspath(path) and found.st_nlink == 1:
                path.chmod(READ_ONLY)  # before the question, so that nobody opens it for writing after the answer
                if nobody_writes(path):
                    return self.adopt(path, digest=digest)
                path.chmod(found.st_mode & 0o7777)
        except OSError:
            pass
        self.put(path, digest=digest)

    def adopt(self, path: Path, *, digest: str, lab_key: bytes | None = None) -> None:
        """Store a file that gitexp itself wrote and will not write to again. `path` stays, as in `take`."""
        name = name_of(digest, lab_key)
        try:
            sync(path)
            found = digest_file(os.fsencode(path)).digest
            if not name.fits(found):
                raise _changed(path, name, found)
            path.chmod(READ_ONLY)
            self.make_folder((self.root / name.key).parent)
            os.link(path, self.root / name.key)
            sync((self.root / name.key).parent)
        except FileExistsError:
            return  # another writer was first
        except OSError:  # another file system, or one without links
            self.put(path, digest=digest, lab_key=lab_key)

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

    # ---- how

    def unnamed(self) -> Path:
        """A path for a new file on its way in. Raises OSError."""
        folder = self.root / INCOMING
        self.make_folder(folder)
        return folder / f"{os.getpid()}-{os.urandom(8).hex()}"

    def make_folder(self, folder: Path) -> None:
        """A folder of the store, with the mode of its root. Raises OSError."""
        if folder.is_dir():
            return
        if folder == self.root:
            return folder.mkdir(parents=True, exist_ok=True)
        self.make_folder(folder.parent)
        try:
            folder.mkdir()
        except FileExistsError:
            return
        try:
            folder.chmod(self.root.stat().st_mode & 0o7777)
        except OSError:
            pass  # a file system without modes

    def _put_content(self, content: bytes, name: Name) -> None:
        if (self.root / name.key).is_file():
            return
        try:
            unnamed = self.unnamed()
            fd = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                write_all(fd, content)
                os.fsync(fd)
                self._name(unnamed, name)
            finally:
                os.close(fd)
                unnamed.unlink(missing_ok=True)
        except OSError as error:
            raise self._full(name.digest, error) from error

    def _name(self, unnamed: Path, name: Name) -> bool:
        """Whether it was us who gave the object its name: nothing is ever overwritten."""
        target = self.root / name.key
        unnamed.chmod(READ_ONLY)
        self.make_folder(target.parent)
        try:
            os.link(unnamed, target)
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            if target.exists():
                return False
            unnamed.rename(target)
        sync(target.parent)
        return True

    def _full(self, what: str, error: OSError) -> GitexpError:
        import errno

        no_space = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return GitexpError(
            f"{what} could not be stored: {error.strerror}",
            why=f"The object store is {self.root}",
            fix="free some space, or git config gitexp.store DIR    (then run the command again)" if no_space else "",
        )


def damaged(digest: str, path: Path) -> GitexpError:
    """Somebody, or the disk, has changed an object."""
    return GitexpError(f"The object {digest} is damaged: its bytes are others by now", details=[f"  {path}"])


def _changed(path: Path, name: Name, found: str) -> GitexpError:
    return GitexpError(
        f"{path} changed while it was being stored",
        details=[f"  expected  {name.digest}", f"  found     {ALGORITHM}:{found}"],
    )


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
