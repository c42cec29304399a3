"""Which files below a folder git does not know, ignored ones included: what programs leave behind.

One git process names them, whole folders as one; those are walked here. Environments, caches and other repositories are
left out, links are not followed, and a walk ends at some number of files: the cost stays small, and is the same before
and after a run.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from gitexp.git.repo import finish, start

MOST = 100_000  # files and folders that are looked at
# fmt: off
_NEVER = frozenset((
    ".git", ".hg", ".svn", "__pycache__", "node_modules", "site-packages", ".venv", ".tox", ".nox", ".eggs", ".cache",
    ".mypy_cache", ".ruff_cache", ".pytest_cache", ".ipynb_checkpoints",
))
# fmt: on
_MARKS = frozenset(("pyvenv.cfg", "conda-meta", ".git"))  # of an environment, or a repository, around it


class Untracked:
    """The process under way. `finish` waits for it and walks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listing = start(folder, "ls-files", "-z", "--others", "--directory", "--no-empty-directory", "--", ".")
        self.cut = False  # there were too many

    def abandon(self) -> None:
        """Nobody wants to know any more."""
        self._listing.communicate()

    def finish(self, *, without: Collection[str] = ()) -> list[str]:
        """Posix paths relative to the folder, sorted. `without`: folders and files that are not looked into."""
        found: list[str] = []
        for item in finish(self._listing).split(b"\0"):
            path = os.fsdecode(item)
            if path.rstrip("/") in without or path.split("/")[0] in _NEVER:
                continue
            if path.endswith("/"):
                found += self._below(path.rstrip("/"), without, MOST - len(found))
            elif path:
                found.append(path)
        return sorted(found)

    def _below(self, top: str, without: Collection[str], most: int) -> Iterator[str]:
        left, folders = most, [top]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(f"{self.folder}/{folder}") as entries:
                    here = list(entries)
            except OSError:
                continue  # gone, or nobody may look
            left -= len(here)
            if left < 0:
                self.cut = True
                return
            if any(entry.name in _MARKS for entry in here):
                continue
            for entry in here:
                path = f"{folder}/{entry.name}"
                if entry.name in _NEVER or path in without:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif entry.is_file(follow_symlinks=False):
                    yield path


def collapsed(paths: Iterable[str], listing: bytes) -> list[str]:
    """Untracked paths, or the outermost folder around each (`runs/`) in which git tracks nothing.

    `listing`: of `git ls-files -v -z`.
    """
    found: dict[str, None] = {}
    for path in paths:
        parts = path.split("/")
        folders = ("/".join(parts[:end]) + "/" for end in range(1, len(parts)))
        found[next((one for one in folders if b" " + os.fsencode(one) not in listing), path)] = None
    return list(found)
