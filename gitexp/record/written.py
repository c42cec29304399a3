"""A file as it was when a run started, so that what the run wrote to it can be told from what was there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from gitexp.regularfile import open_regular

_WHOLE = 1 << 18  # bytes that are digested whole; of a longer file both ends: a pattern may match a thousand old logs
_END = 1 << 16

OF_ITS_OWN = "a file of the run's own ([metrics] files may name $GITEXP_OUTPUT/FILE), gitexp.log() or $GITEXP_METRICS"
DOUBT = f". If this run wrote them anew, they are missing: use {OF_ITS_OWN}, or remove the file first"

OWN = "$GITEXP_OUTPUT/"  # what the name of a file in the run's own folder begins with


def path_of(name: str, cwd: Path, own: Path) -> Path:
    """Where a metric file of this name lies. `own`: the folder that the program finds in GITEXP_OUTPUT."""
    return own / name[len(OWN) :] if name.startswith(OWN) else cwd / name


def is_folder(pattern: str) -> bool:
    """Whether an entry of [metrics] files means a folder (`out/`): what is seen without a word is looked for there."""
    return pattern.endswith("/")


def matches(pattern: str, cwd: Path, own: Path) -> list[str] | None:
    """The files that an entry of [metrics] files means, by name. None: a plain name of a file that does not exist."""
    if is_folder(pattern):
        return []
    if os.path.exists(path_of(pattern, cwd, own)):  # noqa: PTH110 -- Path's raises for impossible names
        return [pattern]
    if not any(character in pattern for character in "*?["):
        return None
    from glob import glob

    root, prefix = (own, OWN) if pattern.startswith(OWN) else (cwd, "")
    # Path.glob refuses absolute patterns and does not follow links to folders.
    found = glob(pattern[len(prefix) :], root_dir=root, recursive=True)  # noqa: PTH207
    return sorted(prefix + name for name in found)


class Written(NamedTuple):
    """What tells whether a file was written to since, and whether it was appended to."""

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int
    digest: str


def note(path: Path) -> tuple[Written, os.stat_result]:
    """A file as it is now. Raises OSError."""
    fd, info = open_regular(path)
    try:
        return glance(info)._replace(digest=prefix_digest(fd, info.st_size)), info
    finally:
        os.close(fd)


def glance(info: os.stat_result) -> Written:
    """A file as it is now, without a look into it."""
    return Written(info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, "")


def is_as_before(info: os.stat_result, noted: Written) -> bool:
    """Whether nobody has written to the file."""
    return (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino) == noted[:4]


def begins_as(fd: int, info: os.stat_result, noted: Written) -> bool:
    """Whether an open file begins with all that was in another. Raises OSError."""
    return bool(noted.digest) and noted.size <= info.st_size and prefix_digest(fd, noted.size) == noted.digest


def made_since(fd: int, info: os.stat_result, noted: Written) -> bool:
    """Whether an open file was made later than the one noted. Its inode says less: freed ones are used again."""
    born_ns = _born_ns(fd, info)
    return born_ns > noted.ctime_ns if born_ns else info.st_ino != noted.inode


def _born_ns(fd: int, info: os.stat_result) -> int:
    """0 where the file system does not tell. Python does not ask Linux for it."""
    import subprocess

    if born := getattr(info, "st_birthtime", None):  # of macOS
        return int(born * 1_000) * 1_000_000  # rounded down: a double has no nanoseconds
    try:
        done = subprocess.run(["stat", "-c", "%.9W", "-"], stdin=fd, capture_output=True, check=True)
        return int(bytes(one for one in done.stdout if chr(one).isdigit()))  # the point is the locale's
    except (OSError, ValueError, subprocess.CalledProcessError):
        return 0


class OldFiles:
    """The files that were there, also under the names that they have by now: logs are rotated, and copied."""

    def __init__(self, cwd: Path, own: Path, noted: Mapping[str, Written]) -> None:
        self._cwd, self._own, self._noted = cwd, own, noted
        self._by_inode = {one.inode: one for one in noted.values()}

    def of(self, name: str, fd: int, info: os.stat_result) -> Written | None:
        """What this open file was, or began as; None: it is new. Raises OSError."""
        here, renamed = self._noted.get(name), self._by_inode.get(info.st_ino)
        if renamed is not None and renamed != here and begins_as(fd, info, renamed):
            return _kept(renamed, info)
        if here is not None and (here.inode == info.st_ino or begins_as(fd, info, here)):
            return here
        for old in self._gone:
            if old.size and begins_as(fd, info, old):
                return _kept(old, info)
        return here

    @cached_property
    def _gone(self) -> list[Written]:
        """Those whose bytes are no longer where they were. A copy of one that is still there is a program's own."""
        gone = []
        for name, noted in self._noted.items():
            try:
                fd, info = open_regular(path_of(name, self._cwd, self._own))
                try:
                    there = begins_as(fd, info, noted)
                finally:
                    os.close(fd)
            except OSError:
                there = False
            gone += [] if there else [noted]
        return gone


def _kept(noted: Written, info: os.stat_result) -> Written:
    """`noted`, as it stands under another name: unchanged where size and time are what they were."""
    same = (info.st_mtime_ns, info.st_size) == (noted.mtime_ns, noted.size)
    return noted._replace(ctime_ns=info.st_ctime_ns, inode=info.st_ino) if same else noted


def prefix_digest(fd: int, size: int) -> str:
    """Of a file's first `size` bytes. Raises OSError."""
    from xxhash import xxh3_128

    state = xxh3_128()
    spans = [(0, size)] if size <= _WHOLE else [(0, _END), (size - _END, size)]
    for at, end in spans:
        while at < end and (block := os.pread(fd, min(1 << 20, end - at), at)):
            state.update(block)
            at += len(block)
    digest: str = state.hexdigest()
    return digest


def load(noted: Any) -> dict[str, Written]:
    """As JSON holds them, by name."""
    return {name: Written(*fields) for name, fields in noted.items() if len(fields) == len(Written._fields)}
