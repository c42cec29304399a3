"""Files to objects named by their digest, `xxh128/ab/cdef…` below a folder: written once, read-only, never changed.

An object has its name only when all of it is there, so that any number of writers may store the same one at once, and
a full disk or a kill leaves at most an unnamed file in `incoming/`.
"""

from __future__ import annotations

import os
from pathlib import Path

from gitexp.datasets.digest import BLOCK, digest_file
from gitexp.errors import GitexpError
from gitexp.model.manifest import ALGORITHM, HEX_DIGITS

READ_ONLY = 0o444
_FICLONE = 0x40049409  # share the blocks of another file, where the file system can (btrfs, XFS)


class ObjectStore:
    """Objects below `root`. Digests are 32 hexadecimal digits, with or without `xxh128:` before them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path_of(self, digest: str) -> Path:
        """Where the object lies, or would lie. Raises GitexpError for what is no digest (it may come from a record)."""
        digits = digest.removeprefix(f"{ALGORITHM}:")
        if len(digits) != HEX_DIGITS or digits.strip("0123456789abcdef"):
            raise GitexpError(f"Not a digest that the object store knows: {digest!r}")
        return self.root / ALGORITHM / digits[:2] / digits[2:]

    def has(self, digest: str) -> bool:
        return self.path_of(digest).is_file()

    def put(self, path: Path, *, digest: str) -> None:
        """Copy a file that may still be written to. Raises GitexpError if its content is not that of `digest`."""
        target = self.path_of(digest)
        if target.is_file():
            return
        try:
            unnamed = self._incoming()
            try:
                found, expected = _copy(path, unnamed), target.parent.name + target.name
                if found != expected:
                    raise GitexpError(
                        f"{path} changed while it was being stored",
                        details=[f"  expected  {ALGORITHM}:{expected}", f"  found     {ALGORITHM}:{found}"],
                    )
                _name(unnamed, target)
            finally:
                unnamed.unlink(missing_ok=True)
        except OSError as error:
            raise self._full(path, error) from error

    def take(self, path: Path, *, digest: str) -> None:
        """Store a file that nobody writes to any more, without copying where the file system allows it.

        `path` stays, as a second name of the object (and read-only like it): who takes must remove it, not write to it.
        A file that has other names already, behind links, is copied: those names may be the user's.
        """
        target = self.path_of(digest)
        if target.is_file():
            return
        try:
            if _is_anothers(path):
                return self.put(path, digest=digest)
            target.parent.mkdir(parents=True, exist_ok=True)
            _sync(path)
            os.link(path, target)
            target.chmod(READ_ONLY)
        except FileExistsError:
            return  # another writer was first
        except OSError:
            self.put(path, digest=digest)  # another file system, or one without links

    def _incoming(self) -> Path:
        folder = self.root / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{os.getpid()}-{os.urandom(8).hex()}"

    def _full(self, path: Path, error: OSError) -> GitexpError:
        import errno

        no_space = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return GitexpError(
            f"{path} could not be stored: {error.strerror}",
            why=f"The object store is {self.root}",
            fix="free some space, or git config gitexp.store DIR    (then run the command again)" if no_space else "",
        )


def _is_anothers(path: Path) -> bool:
    """Whether links of any kind give the file other names, which are not ours to make read-only."""
    return os.path.realpath(path) != os.path.abspath(path) or path.stat().st_nlink > 1


def _copy(source: Path, target: Path) -> str:
    """Copy to a new file that is safely on disk; the digest of what arrived there."""
    from xxhash import xxh3_128

    with source.open("rb", buffering=0) as reader, target.open("xb", buffering=0) as writer:
        if _clone(reader.fileno(), writer.fileno()):
            os.fsync(writer.fileno())
            return digest_file(os.fsencode(target)).digest
        state = xxh3_128()
        while block := reader.read(BLOCK):
            state.update(block)
            rest = memoryview(block)
            while rest:
                rest = rest[writer.write(rest) :]
        os.fsync(writer.fileno())
        return state.hexdigest()


def _clone(source: int, target: int) -> bool:
    try:
        from fcntl import ioctl

        ioctl(target, _FICLONE, source)
    except (ImportError, OSError):
        return False
    return True


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _name(unnamed: Path, target: Path) -> None:
    unnamed.chmod(READ_ONLY)
    target.parent.mkdir(parents=True, exist_ok=True)
    unnamed.rename(target)
