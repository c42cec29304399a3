"""A folder to the folders below it and the files in each, links followed. What cannot be hashed is a Problem.

Files come in batches, in the order in which the file system lists them: a million in one folder take no more memory
than a few thousand, and while nothing is added or removed the order stays.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from gitexp.record.manifest import display

GIT = ".git"  # what git keeps there is no data: it changes with every command
BATCH = 4096  # entries of a folder; each takes some 700 bytes until its batch is done with


class File(Protocol):
    """A file, or a link to one: `os.DirEntry`, or LoneFile. The stat is kept after it was first asked for."""

    @property
    def name(self) -> str: ...

    def stat(self) -> os.stat_result: ...


class Found(NamedTuple):
    """A file, or a link to one."""

    relative: bytes
    path: bytes


class Problem(NamedTuple):
    """Something that has no bytes to be hashed. `what` is a sentence that names it, `fix` what helps."""

    relative: bytes
    what: str
    fix: str = ""


Ancestors = tuple[tuple[int, int], ...]


class Folder:
    """A folder of a dataset while it is read. `children` and `problems` are complete when the batches are used up."""

    def __init__(self, prefix: bytes, path: bytes, ancestors: Ancestors) -> None:
        self.prefix, self.path, self.ancestors = prefix, path, ancestors  # the prefix is empty or ends with a slash
        self.fd: int | None = None  # open while the batches are used
        self.children: list[tuple[bytes, Ancestors]] = []
        self.problems: list[Problem] = []

    def batches(self) -> Iterator[list[File]]:
        """Its files. Folders below it and what has no bytes are noted on the way."""
        from itertools import islice

        try:
            self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            entries = os.scandir(self.fd)
        except OSError as error:
            self.problems.append(unreadable(self.prefix.rstrip(b"/"), error))
            return
        with entries:
            while True:
                try:
                    some = list(islice(entries, BATCH))
                except OSError as error:  # the folder itself is damaged, or its server gone
                    self.problems.append(unreadable(self.prefix.rstrip(b"/"), error))
                    return
                if not some:
                    return
                files: list[File] = [e for e in some if e.is_file(follow_symlinks=False) and e.name != GIT]
                if len(files) < len(some):
                    files += [e for e in some if not e.is_file(follow_symlinks=False) and self._is_link_to_file(e)]
                yield files

    def openable(self, name: str) -> str | bytes:
        """What to open, relative to `fd`."""
        return name

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def _is_link_to_file(self, entry: os.DirEntry[str]) -> bool:
        """Whether an entry that is not plainly a file is one behind a link; anything else is noted."""
        if entry.name == GIT:
            return False
        name = os.fsencode(entry.name)
        relative = self.prefix + name
        try:
            found = entry.stat()
        except OSError as error:
            self.problems.append(dangling(relative, error) if entry.is_symlink() else unreadable(relative, error))
            return False
        if stat.S_ISREG(found.st_mode):
            return True
        identity = (found.st_dev, found.st_ino)
        if not stat.S_ISDIR(found.st_mode):
            self.problems.append(no_file(relative))
        elif identity in self.ancestors:
            self.problems.append(_loop(relative, is_link=entry.is_symlink()))
        else:
            self.children.append((name, (*self.ancestors, identity)))
        return False


class LoneFile:
    """A dataset that is a single file, as if it were the only one in a folder."""

    def __init__(self, path: bytes) -> None:
        self.name, self.path = os.fsdecode(os.path.basename(path)), path

    def stat(self) -> os.stat_result:
        return os.stat(self.path)


class LoneFolder(Folder):
    """The folder that a single file is in, as if nothing else were there."""

    def batches(self) -> Iterator[list[File]]:
        yield [LoneFile(self.path)]

    def openable(self, name: str) -> str | bytes:
        return self.path


def walk(root: bytes) -> Iterator[Found | Problem]:
    """Every file of a dataset, in no particular order."""
    for folder in folders(root):
        for batch in folder.batches():
            for file in batch:
                name = os.fsencode(file.name)
                yield Found(folder.prefix + name, root if folder.fd is None else os.path.join(folder.path, name))
        yield from folder.problems


def folders(root: bytes) -> Iterator[Folder]:
    """`root` and every folder below it, in no particular order. Use up the batches of each before the next.

    A root that is a file is the only one in its folder, whatever else lies there.
    """
    if not os.path.isdir(root):
        yield LoneFolder(b"", root, ())
        return
    top = os.stat(root)
    waiting = [Folder(b"", root, ((top.st_dev, top.st_ino),))]
    while waiting:
        folder = waiting.pop()
        try:
            yield folder
        finally:
            folder.close()
        waiting += [
            Folder(folder.prefix + name + b"/", os.path.join(folder.path, name), ancestors)
            for name, ancestors in folder.children
        ]


def _loop(relative: bytes, *, is_link: bool) -> Problem:
    if not is_link:  # a link above it leads out of the dataset and back
        return Problem(relative, f"{display(relative)} lies in itself, by a link above it")
    return Problem(
        relative,
        f"{display(relative)} is a link to a folder that it lies in, so the dataset would never end",
        "take it out of the dataset, or point it elsewhere",
    )


def dangling(relative: bytes, error: OSError) -> Problem:
    import errno

    what = "a link to itself" if error.errno == errno.ELOOP else "a link to nothing"
    return Problem(
        relative, f"{display(relative)} is {what}", "bring back what it points to, or take it out of the dataset"
    )


def no_file(relative: bytes) -> Problem:
    what = f"{display(relative)} is a socket, FIFO or device: it has no content that could be recorded"
    return Problem(relative, what, "take it out of the dataset, or name a folder without it")


def unreadable(relative: bytes, error: OSError) -> Problem:
    """The operating system's own reason."""
    return Problem(relative, f"{display(relative) or 'the folder'} cannot be read: {error.strerror}")
