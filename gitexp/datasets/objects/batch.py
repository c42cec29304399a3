"""New objects, many at a time: written without names, one wait for the disk, then named.

No object has its name before its bytes are safe, and a kill leaves only unnamed files in `incoming/`. But waiting for
each of 100,000 small files takes longer than all else that is done with them: so the whole file system is asked once
for some hundred of them, as git's core.fsyncMethod=batch does. A few objects are waited for one by one.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from gitexp.datasets.digest import digest_file
from gitexp.datasets.objects.copies import copy, nobody_writes, write_all
from gitexp.datasets.objects.objectname import Name, name_of
from gitexp.durable import sync, sync_file_system
from gitexp.errors import GitexpError
from gitexp.record.manifest import ALGORITHM

READ_ONLY = 0o444
INCOMING = "incoming"
MANY = 1024  # objects, or
MUCH = 1 << 26  # bytes that wait for their names at most
FEW = 8  # objects or folders up to which each is waited for alone: others may have much unwritten on the same disk


class _Waiting(NamedTuple):
    """A file that is whole, verified and read-only, and the name that it shall have."""

    path: Path
    name: Name


class Batch:
    """New objects below `root`, as a context: all have their names when it is left. For any number of threads.

    What is there is never replaced, whatever it is: a remote's folder is not ours. (Our own store heals: see Healing.)
    Leaving it raises GitexpError if an object could not be kept, unless `settle` was asked.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._adding, self._settling = threading.Lock(), threading.Lock()
        self._waiting: list[_Waiting] = []
        self._keys: set[str] = set()  # of what waits
        self._size_bytes = 0
        self._lost: dict[str, OSError] = {}  # by digest
        self._disk: int | None = None  # open from before the first write, so that its errors are told
        self._straight: dict[Path, bool] = {}
        self._one_by_one = False  # after an error of the whole disk, to find out whose it is

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            lost = self.settle()
        finally:
            if self._disk is not None:
                os.close(self._disk)
                self._disk = None
        if lost and kind is None:
            digest, reason = next(iter(lost.items()))
            raise not_stored(digest, self._root, reason) from reason

    def put(self, path: Path, *, digest: str, lab_key: bytes | None = None) -> bool:
        """Copy a file that may still be written to; False: it was there. Raises GitexpError if the bytes are others."""
        name = name_of(digest, lab_key)
        unnamed = None
        try:
            if self._is_there(name, path.stat().st_size):
                return False
            unnamed = self.unnamed()
            found = copy(path, unnamed)
            if not name.fits(found):
                raise changed(path, name, found)
            taken, unnamed = unnamed, None
            self._add(taken, name)
        except OSError as error:
            raise not_stored(str(path), self._root, error) from error
        finally:
            if unnamed is not None:
                unnamed.unlink(missing_ok=True)
        return True

    def take(self, path: Path, *, digest: str) -> None:
        """Store a file that is done with, without copying where that is safe. Raises GitexpError for other bytes.

        `path` stays, perhaps as a second name of the object (read-only like it): who takes must remove it, not write
        to it. It is copied where it has other names already (they may be the user's), and where a process that
        outlived its program may still write to it.
        """
        name = name_of(digest)
        try:
            found = path.lstat()
            if self._is_there(name, found.st_size):
                return
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and self._is_no_link(path.parent):
                path.chmod(READ_ONLY)  # before the question, so that nobody opens it for writing after the answer
                if nobody_writes(path):
                    return self.adopt(path, digest=digest)
                path.chmod(found.st_mode & 0o7777)
        except OSError:
            pass
        self.put(path, digest=digest)

    def adopt(self, path: Path, *, digest: str) -> None:
        """As `take`, of a file that gitexp itself wrote and will not write to again."""
        name = name_of(digest)
        try:
            found = digest_file(os.fsencode(path)).digest
            if not name.fits(found):
                raise changed(path, name, found)
            unnamed = self.unnamed()
            os.link(path, unnamed)
            self._add(unnamed, name)
        except OSError:  # another file system, or one without links
            self.put(path, digest=digest)

    def _is_no_link(self, folder: Path) -> bool:
        """Whether what lies there lies in no other place: asked once for a folder."""
        if folder not in self._straight:
            if len(self._straight) >= MANY:
                self._straight.clear()
            self._straight[folder] = os.path.realpath(folder) == os.path.abspath(folder)
        return self._straight[folder]

    def put_content(self, content: bytes, name: Name) -> None:
        """Store bytes that are known to be those of the name."""
        if self._is_there(name, len(content)):
            return
        try:
            unnamed = self.unnamed()
            try:
                fd = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                try:
                    write_all(fd, content)
                finally:
                    os.close(fd)
            except BaseException:
                unnamed.unlink(missing_ok=True)
                raise
            self._add(unnamed, name)
        except OSError as error:
            raise not_stored(name.digest, self._root, error) from error

    def move(self, path: Path, name: Name) -> None:
        """Store a verified file that lies in the store without a name, and that nobody writes to. Raises OSError."""
        unnamed = self.unnamed()
        path.rename(unnamed)
        self._add(unnamed, name)

    def settle(self) -> dict[str, OSError]:
        """Wait for the disk and name everything; what could not be kept so far, by digest, and why. Told once."""
        self._name_all()
        with self._adding:
            lost, self._lost = self._lost, {}
        return lost

    def unnamed(self) -> Path:
        """A path for a new file on its way in. Raises OSError."""
        folder = self._root / INCOMING
        if self._disk is None:
            make_folder(self._root, folder)
            with self._adding:
                if self._disk is None:
                    self._disk = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        return folder / f"{os.getpid()}-{os.urandom(8).hex()}"

    # ---- how

    def _is_there(self, name: Name, size_bytes: int) -> bool:
        return name.key in self._keys or (self._root / name.key).is_file()

    def _replaced(self, _path: Path, _target: Path) -> bool:
        """Whether a verified file took the place of what has its name."""
        return False

    def _add(self, path: Path, name: Name) -> None:
        try:
            path.chmod(READ_ONLY)
            size_bytes = path.stat().st_size
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        with self._adding:
            self._waiting.append(_Waiting(path, name))
            self._keys.add(name.key)
            self._size_bytes += size_bytes
            full = len(self._waiting) >= MANY or self._size_bytes >= MUCH
        if full:
            self._name_all()

    def _name_all(self) -> None:
        with self._settling:
            with self._adding:
                waiting, self._waiting, self._size_bytes = self._waiting, [], 0
            try:
                self._sync_folders([one for one in self._safe(waiting) if self._name(one)])
            finally:
                for one in waiting:
                    one.path.unlink(missing_ok=True)
            with self._adding:
                self._keys.difference_update(one.name.key for one in waiting)

    def _safe(self, waiting: list[_Waiting]) -> list[_Waiting]:
        """Those whose bytes are on the disk by now."""
        return waiting if self._all_synced(len(waiting)) else [one for one in waiting if self._synced(one.path, one)]

    def _sync_folders(self, named: list[_Waiting]) -> None:
        folders: dict[str, list[_Waiting]] = {}
        for one in named:
            folders.setdefault(os.path.dirname(one.name.key), []).append(one)
        if not self._all_synced(len(folders)):
            for folder, those in folders.items():
                self._synced(self._root / folder, *those)

    def _all_synced(self, count: int) -> bool:
        """Whether the whole file system was waited for; False: wait for each of the `count` alone."""
        if count <= FEW or self._one_by_one or self._disk is None:
            return False
        try:
            sync_file_system(self._disk)
        except OSError:
            self._one_by_one = True
        return not self._one_by_one

    def _synced(self, path: Path, *concerned: _Waiting) -> bool:
        try:
            sync(path)
        except OSError as error:
            self._lost.update((one.name.digest, error) for one in concerned)
            return False
        return True

    def _name(self, one: _Waiting) -> bool:
        """Whether it was us who gave the object its name."""
        target = self._root / one.name.key
        try:
            make_folder(self._root, target.parent)
            try:
                os.link(one.path, target)
            except FileExistsError:
                return self._replaced(one.path, target)
            except OSError:  # a file system without links
                if target.exists():
                    return self._replaced(one.path, target)
                one.path.rename(target)
        except OSError as error:
            self._lost[one.name.digest] = error
            return False
        return True


class Healing(Batch):
    """A batch for our own store: an object that has not as many bytes as those that were verified is replaced."""

    def _is_there(self, name: Name, size_bytes: int) -> bool:
        return name.key in self._keys or has_size(self._root / name.key, size_bytes)

    def _replaced(self, path: Path, target: Path) -> bool:
        if has_size(target, path.stat().st_size):
            return False
        path.replace(target)
        return True


def has_size(path: Path, size_bytes: int) -> bool:
    """Whether there is a file of this size."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size_bytes


def make_folder(root: Path, folder: Path) -> None:
    """A folder of the store at `root`, with the root's mode. Raises OSError."""
    if folder.is_dir():
        return
    if folder == root:
        return folder.mkdir(parents=True, exist_ok=True)
    make_folder(root, folder.parent)
    try:
        folder.mkdir()
    except FileExistsError:
        return
    try:
        folder.chmod(root.stat().st_mode & 0o7777)
    except OSError:
        pass  # a file system without modes


def not_stored(what: str, root: Path, error: OSError) -> GitexpError:
    """The disk, or who may write to it, stands in the way."""
    no_space = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return GitexpError(
        f"{what} could not be stored: {error.strerror}",
        why=f"The object store is {root}",
        fix="free some space, or git config gitexp.store DIR    (then run the command again)" if no_space else "",
    )


def changed(path: Path, name: Name, found: str) -> GitexpError:
    """The file has other bytes than when it was hashed."""
    return GitexpError(
        f"{path} changed while it was being stored",
        details=[f"  expected  {name.digest}", f"  found     {ALGORITHM}:{found}"],
    )
