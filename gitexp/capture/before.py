"""The files that may be a program's own metrics, as they are before it runs: what of them is new can be told then.

Every run meets this module before its program starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gitexp.capture.kinds import NAMES, kind_of
from gitexp.record.written import Written, glance, note

APPENDED = ("TensorBoard",)  # files to which records are only ever added: what was there needs no look
DIGESTED = 256  # files of earlier runs that may grow and are looked into before a run, the newest


def tracked_candidates(listing: bytes) -> list[str]:
    """The files that loggers always call so, among those that git tracks. `listing`: of `git ls-files -v -z`."""
    found = []
    for name in map(str.encode, NAMES):
        end = listing.find(name + b"\0")
        while end >= 0:
            begin = listing.rfind(b"\0", 0, end) + 1
            found.append(os.fsdecode(listing[begin + 2 : end + len(name)]))
            end = listing.find(name + b"\0", end + 1)
    return found


def note_candidates(names: Iterable[str], *, cwd: Path) -> dict[str, Written]:
    """The files of known kinds that are there before a run. Into the newest of those that may grow a look is taken."""
    found: dict[str, Written] = {}
    growing: list[tuple[int, str]] = []
    for name in names:
        kind = kind_of(name)
        if kind is None:
            continue
        try:
            info = (cwd / name).lstat()
        except OSError:
            continue  # removed meanwhile
        found[name] = glance(info)
        if kind.grows and info.st_size and kind.name not in APPENDED:
            growing.append((info.st_mtime_ns, name))
    for _, name in sorted(growing, reverse=True)[:DIGESTED]:
        with suppress(OSError):
            found[name], _ = note(cwd / name)
    return found


def below(cwd: Path, paths: Iterable[str]) -> frozenset[str]:
    """Those of these paths that lie in the folder, as names: datasets are no metrics."""
    return frozenset(
        path.relative_to(cwd).as_posix() for path in map(Path, paths) if path.is_relative_to(cwd) and path != cwd
    )
