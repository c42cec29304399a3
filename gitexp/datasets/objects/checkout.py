"""A dataset in the store to files in our own cache: second names, read-only.

A folder there appears whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gitexp.datasets.objects.copies import share
from gitexp.datasets.objects.objectname import name_of
from gitexp.datasets.objects.store import ObjectStore
from gitexp.errors import GitexpError
from gitexp.record.manifest import Entry, display, parse_manifest
from gitexp.regularfile import walk
from gitexp.removal import remove_tree

SHOWN = 20


def check_out(digest: str, *, store: ObjectStore, folder: Path, name: str | None = None) -> Path:
    """Lay a dataset out as `folder/<its 32 digits>/`, read-only; its path there.

    `name`: what its file is called if it is a single one; then the path is the file's. One that lies there is looked
    over, not read: whoever finds other bytes in it calls `mend`. Raises GitexpError where the store lacks something.
    """
    entries = parse_manifest(store.read_bytes(digest), where=digest)
    target = folder / name_of(digest).digits
    if target.exists() and not _is_as_laid_out(entries, target, store):
        remove_tree(target)
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        beside = beside_of(target)
        try:
            _lay_out(entries, beside, store)
            _appear(beside, target)
        finally:
            remove_tree(beside)
    single = len(entries) == 1 and name is not None and entries[0].path == os.fsencode(name)
    return target / name if single and name is not None else target


def mend(digest: str, *, store: ObjectStore, folder: Path) -> list[str]:
    """Remove what `check_out` laid out, and from the store those of its objects whose bytes are others by now.

    Returns these digests: once they are fetched again, the dataset can be checked out again.
    """
    remove_tree(folder / name_of(digest).digits)
    if not store.is_whole(digest):
        store.remove(digest)
        return [digest]
    entries = parse_manifest(store.read_bytes(digest), where=digest)
    wrong = [one for one in dict.fromkeys(entry.digest for entry in entries) if not store.is_whole(one)]
    for one in wrong:
        store.remove(one)
    return [name_of(one).digest for one in wrong]


def _lay_out(entries: Sequence[Entry], folder: Path, store: ObjectStore) -> None:
    folder.mkdir()
    made = {b""}
    try:
        for entry in entries:
            _make_parents(entry.path, folder, made)
            share(store.path_of(entry.digest), folder / os.fsdecode(entry.path))
    except FileNotFoundError as error:
        raise lacking(entries, store) from error
    except OSError as error:
        raise GitexpError(f"{folder.parent} cannot be written: {error.strerror or error}") from error


def _is_as_laid_out(entries: Sequence[Entry], folder: Path, store: ObjectStore) -> bool:
    """Whether exactly these files are there, plain ones, each as long as its object."""
    try:
        for entry in entries:
            found = (folder / os.fsdecode(entry.path)).lstat()
            if (found.st_mode & 0o170222) != 0o100000 or found.st_size != store.size_bytes(entry.digest):
                return False
    except OSError:
        return False
    return sum(len(names) for _, _, names in walk(folder)) == len(entries)


def lacking(entries: Sequence[Entry], store: ObjectStore) -> GitexpError:
    lacking = [entry for entry in entries if not store.has(entry.digest)]
    return GitexpError(
        f"{len(lacking)} of the dataset's {len(entries)} files are not in the object store",
        details=[f"  {entry.digest}  {display(entry.path)}" for entry in lacking[:SHOWN]],
        why=f"The object store is {store.root}",
        fix="gitexp data pull",
    )


def _make_parents(path: bytes, folder: Path, made: set[bytes]) -> None:
    parent = path.rpartition(b"/")[0]
    if parent not in made:
        (folder / os.fsdecode(parent)).mkdir(parents=True, exist_ok=True)
        made.add(parent)


def beside_of(target: Path) -> Path:
    return target.with_name(f".gitexp-{os.urandom(6).hex()}")


def _appear(beside: Path, target: Path) -> None:
    """Give a folder its name, unless somebody else was first."""
    try:
        beside.rename(target)
    except OSError:
        if not target.is_dir():
            raise
