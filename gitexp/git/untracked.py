"""Which files below a folder git does not know, ignored ones included: what programs leave behind.

git names them, whole folders as one; those are walked here, shallow folders first. Environments, caches and other
repositories are left out, links are not followed, and of each folder that git names only so much is looked at: the cost
stays small.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.git.repo import start

if TYPE_CHECKING:
    import subprocess

MOST = 10_000  # files and folders that are looked at below one folder of git's list
# fmt: off
_NEVER = frozenset((
    ".git", ".hg", ".svn", "__pycache__", "node_modules", "site-packages", ".venv", ".tox", ".nox", ".eggs", ".cache",
    ".mypy_cache", ".ruff_cache", ".pytest_cache", ".ipynb_checkpoints",
))
# fmt: on
_MARKS = frozenset(("pyvenv.cfg", "conda-meta", ".git"))  # of an environment, or a repository, around it


def list_untracked(folder: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """git at work on its list for a folder; `entries_of` reads it."""
    return start(folder, "ls-files", "-z", "--others", "--directory", "--no-empty-directory", "--", ".", env=env)


def entries_of(listing: bytes) -> list[str]:
    """Files, and folders in which git tracks nothing (`runs/`, or `./` where that is the folder itself)."""
    return [os.fsdecode(item) for item in listing.split(b"\0") if item]


def entries_within(entries: Iterable[str], root: Path, cwd: Path) -> list[str]:
    """Those of the root's that lie in a folder, relative to it."""
    if cwd == root:
        return list(entries)
    inside = f"{cwd.relative_to(root).as_posix()}/"
    if any(inside.startswith(entry) for entry in entries if entry.endswith("/")):  # the folder itself lies in one
        return ["./"]
    return [entry[len(inside) :] for entry in entries if entry.startswith(inside)]


def files_in(
    folder: Path,
    entries: Iterable[str],
    *,
    wanted: Callable[[str], bool],
    without: Collection[str] = (),
    most: int = MOST,
) -> list[str]:
    """The files that these entries are, or hold, and whose own name is `wanted`; sorted posix paths.

    `entries` are relative to the folder, and so are those `without`: folders and files that are not looked at.
    """
    found: list[str] = []
    for entry in entries:
        path = entry.rstrip("/")
        if path in without or not _NEVER.isdisjoint(path.split("/")):
            continue
        if entry.endswith("/"):
            found += _below(str(folder), "" if path == "." else entry, wanted, without, most)
        elif wanted(path.rpartition("/")[2]):
            found.append(path)
    return sorted(found)


def _below(root: str, top: str, wanted: Callable[[str], bool], without: Collection[str], left: int) -> Iterator[str]:
    folders = deque([top])
    while folders and left > 0:
        folder = folders.popleft()
        try:
            with os.scandir(f"{root}/{folder}") as entries:
                here = list(entries)
        except OSError:
            continue  # gone, or nobody may look
        left -= len(here)
        if any(entry.name in _MARKS for entry in here):
            continue
        for entry in here:
            name, path = entry.name, folder + entry.name
            if entry.is_dir(follow_symlinks=False):
                if name not in _NEVER and path not in without:
                    folders.append(f"{path}/")
            elif wanted(name) and path not in without and entry.is_file(follow_symlinks=False):
                yield path


def collapsed(paths: Iterable[str], listing: bytes) -> list[str]:
    """Untracked paths, or the outermost folder around each (`runs/`) in which git tracks nothing.

    `listing`: of `git ls-files -v -z`.
    """
    around: dict[str, str] = {}  # by folder, with its slash; "" where git tracks something in it
    found: dict[str, None] = {}
    for path in paths:
        folder = path[: path.rfind("/") + 1]
        if folder not in around:
            ends = (at for at, letter in enumerate(folder, 1) if letter == "/")
            around[folder] = next((folder[:end] for end in ends if b" " + os.fsencode(folder[:end]) not in listing), "")
        found[around[folder] or path] = None
    return list(found)
