"""Which files of the working tree gitexp's own output goes to (`> slurm-7.out`), or has gone to: changes of nobody's.

Those that git does not know stay out of later runs too: a small list in the git folder, by path and inode. A file that
is gone is forgotten, and so is one that something else took the place of.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from gitexp.git.repo import Repo
from gitexp.wholefile import write_whole

MOST = 1000  # files that are remembered, the newest

_Identity = tuple[int, int]


def own_output(repo: Repo, changed: Iterable[str], *, untracked: Iterable[str]) -> tuple[str, ...]:
    """Those of the changed paths that our own output goes to, or went to; those `untracked` are remembered."""
    known, before = set(untracked), _remembered(repo)
    streams = {found for found in map(_stream, (1, 2)) if found}
    now = {path: found for path in changed if (found := _identity(repo, path)) in streams and found is not None}
    lasting = {path: found for path, found in before.items() if _identity(repo, path) == found}
    new = {path: found for path, found in now.items() if path in known and lasting.get(path) != found}
    with suppress(OSError):  # a clone that is only for reading forgets
        _remember(repo, new, lasting if len(lasting) < len(before) or len(before) > MOST else None)
    return tuple(path for path in changed if path in now or (path in known and path in lasting))


def _remembered(repo: Repo) -> dict[str, _Identity]:
    found = {}
    with suppress(OSError, ValueError):
        for line in _list(repo).read_bytes().split(b"\0")[:-1]:
            device, inode, path = line.split(b" ", 2)
            found[os.fsdecode(path)] = int(device), int(inode)
    return found


def _remember(repo: Repo, new: Mapping[str, _Identity], instead: Mapping[str, _Identity] | None) -> None:
    """Append, since jobs of an array begin at once; `instead`: write the list anew, with these before the new ones."""
    lines = [b"%d %d %b\0" % (*found, os.fsencode(path)) for path, found in [*(instead or {}).items(), *new.items()]]
    if not lines and instead is None:
        return
    file = _list(repo)
    file.parent.mkdir(exist_ok=True)
    if instead is None:
        with file.open("ab", buffering=0) as appended:
            appended.write(b"".join(lines))
    else:
        write_whole(file, b"".join(lines[-MOST:]))


def _list(repo: Repo) -> Path:
    return repo.git_dir / "gitexp" / "own-output"


def _stream(descriptor: int) -> _Identity | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None  # closed
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _identity(repo: Repo, path: str) -> _Identity | None:
    try:
        found = os.lstat(repo.root / path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
