"""A folder to the files in it: paths relative to it, links followed. What cannot be hashed is a Problem, not a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from gitexp.model.manifest import display


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


def walk(root: bytes) -> Iterator[Found | Problem]:
    """Every file below `root`, in no particular order."""
    top = os.stat(root)
    waiting: list[tuple[bytes, bytes, Ancestors]] = [(b"", root, ((top.st_dev, top.st_ino),))]
    while waiting:
        prefix, folder, ancestors = waiting.pop()
        try:
            entries = os.scandir(folder)
        except OSError as error:
            yield unreadable(prefix.rstrip(b"/"), error)
            continue
        with entries:
            for entry in entries:
                relative = prefix + entry.name
                if entry.is_file(follow_symlinks=False):
                    yield Found(relative, entry.path)
                    continue
                below = _resolve(relative, entry, ancestors)
                if isinstance(below, tuple) and not isinstance(below, Problem | Found):
                    waiting.append((relative + b"/", entry.path, below))
                else:
                    yield below


def _resolve(relative: bytes, entry: os.DirEntry[bytes], ancestors: Ancestors) -> Found | Problem | Ancestors:
    """What an entry that is not plainly a file is: a file behind a link, a folder (its ancestors), or a problem."""
    try:
        found = entry.stat()
    except OSError as error:
        return dangling(relative, error) if entry.is_symlink() else unreadable(relative, error)
    if stat.S_ISREG(found.st_mode):
        return Found(relative, entry.path)
    if not stat.S_ISDIR(found.st_mode):
        return no_file(relative)
    identity = (found.st_dev, found.st_ino)
    if identity in ancestors:
        if not entry.is_symlink():  # a link above it leads out of the dataset and back
            return Problem(relative, f"{display(relative)} lies in itself, by a link above it")
        return Problem(
            relative,
            f"{display(relative)} is a link to a folder that it lies in, so the dataset would never end",
            f"rm {_quoted(relative)}    (or point it elsewhere)",
        )
    return (*ancestors, identity)


def dangling(relative: bytes, error: OSError) -> Problem:
    import errno

    what = "a link to itself" if error.errno == errno.ELOOP else "a link to nothing"
    return Problem(relative, f"{display(relative)} is {what}", f"rm {_quoted(relative)}    (or bring back its target)")


def no_file(relative: bytes) -> Problem:
    what = f"{display(relative)} is a socket, FIFO or device: it has no content that could be recorded"
    return Problem(relative, what, f"rm {_quoted(relative)}    (or name a folder without it)")


def unreadable(relative: bytes, error: OSError) -> Problem:
    """The operating system's own reason."""
    return Problem(relative, f"{display(relative) or 'the folder'} cannot be read: {error.strerror}")


def _quoted(path: bytes) -> str:
    import shlex

    return shlex.quote(display(path))
