"""A dataset in the store to files in a folder: our own cache (second names, read-only), or the user's folders (copies).

A folder that did not exist appears whole or not at all. Nothing that is there is ever overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.datasets.digest import digest_file
from gitexp.datasets.objects.copies import copy, share
from gitexp.datasets.objects.names import name_of
from gitexp.datasets.objects.store import Damaged, ObjectStore
from gitexp.errors import GitexpError
from gitexp.model.manifest import Entry, display, parse_manifest

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress

SHOWN = 20
_IGNORED_BY_HFS = {
    chr(code) for code in (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF)
}


def check_out(digest: str, *, store: ObjectStore, folder: Path, name: str | None = None) -> Path:
    """Lay a dataset out as `folder/<its 32 digits>/`, read-only; its path there.

    `name`: what its file is called if it is a single one; then the path is the file's. One that lies there is looked
    over, not read: whoever finds other bytes in it calls `mend`. Raises GitexpError where the store lacks something.
    """
    entries = parse_manifest(store.read_bytes(digest), where=digest)
    target = folder / name_of(digest).digits
    if target.exists() and not _is_as_laid_out(entries, target, store):
        _remove(target)
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        beside = _beside(target)
        try:
            _lay_out(entries, beside, store)
            _appear(beside, target)
        finally:
            _remove(beside)
    single = len(entries) == 1 and name is not None and entries[0].path == os.fsencode(name)
    return target / name if single and name is not None else target


def mend(digest: str, *, store: ObjectStore, folder: Path) -> list[str]:
    """Remove what `check_out` laid out, and from the store those of its objects whose bytes are others by now.

    Returns these digests: once they are fetched again, the dataset can be checked out again.
    """
    _remove(folder / name_of(digest).digits)
    if not store.is_whole(digest):
        store.remove(digest)
        return [digest]
    entries = parse_manifest(store.read_bytes(digest), where=digest)
    wrong = [one for one in dict.fromkeys(entry.digest for entry in entries) if not store.is_whole(one)]
    for one in wrong:
        store.remove(one)
    return [name_of(one).digest for one in wrong]


def place_copies(manifest: bytes, *, store: ObjectStore, target: Path, progress: Progress | None = None) -> int:
    """Copy a dataset's files into the folder `target` of the user's; the bytes of those that were not there.

    Files that are there and the same stay. Raises GitexpError, having written nothing, where something else is in the
    way or the store lacks something, and Damaged for all objects whose bytes are others by now.
    """
    entries = parse_manifest(manifest)
    _refuse_repositories(entries)
    target = Path(os.path.abspath(target))
    new, in_the_way = _compare(entries, target, store)
    if in_the_way:
        more = [f"  … and {len(in_the_way) - SHOWN} more"] if len(in_the_way) > SHOWN else []
        raise GitexpError(
            f"{len(in_the_way)} of {len(entries)} files cannot be written to {target}",
            details=[*(f"  {line}" for line in in_the_way[:SHOWN]), *more],
            why="What is there is never overwritten. Nothing was written.",
            fix="name another folder, or move these files away",
        )
    if progress:
        progress.expect(files=len(new), size_bytes=sum(entry.size or 0 for entry in new))
    existed = target.exists()
    try:
        if not existed:
            target.parent.mkdir(parents=True, exist_ok=True)
        beside = _beside(target) if not existed else target / f".gitexp-{os.urandom(6).hex()}"
        try:
            _copy(new, beside, store, progress)
            if existed:
                _move_in(new, beside, target)
            else:
                beside.rename(target)
        finally:
            _remove(beside)
    except OSError as error:
        raise GitexpError(f"{target} cannot be written: {error.strerror or error}") from error
    return sum(entry.size or 0 for entry in new)


# ---- our own cache


def _lay_out(entries: Sequence[Entry], folder: Path, store: ObjectStore) -> None:
    folder.mkdir()
    made = {b""}
    try:
        for entry in entries:
            _make_parents(entry.path, folder, made)
            share(store.path_of(entry.digest), folder / os.fsdecode(entry.path))
    except FileNotFoundError as error:
        raise _lacking(entries, store) from error
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
    return sum(len(names) for _, _, names in os.walk(folder)) == len(entries)


def _lacking(entries: Sequence[Entry], store: ObjectStore) -> GitexpError:
    lacking = [entry for entry in entries if not store.has(entry.digest)]
    return GitexpError(
        f"{len(lacking)} of the dataset's {len(entries)} files are not in the object store",
        details=[f"  {entry.digest}  {display(entry.path)}" for entry in lacking[:SHOWN]],
        why=f"The object store is {store.root}",
        fix="gitexp data pull",
    )


# ---- the user's folders


def _refuse_repositories(entries: Sequence[Entry]) -> None:
    """A manifest may be a stranger's: a repository of theirs could make the next `git status` run their programs."""
    heads = {path[:-4] for path in (entry.path for entry in entries) if path == b"HEAD" or path.endswith(b"/HEAD")}
    inner = {entry.path[: -len(rest)] for entry in entries for rest in _below(entry.path)} if heads else set()
    for entry in entries:
        if any(map(_is_dot_git, entry.path.split(b"/"))) or (entry.path.endswith(b"HEAD") and entry.path[:-4] in inner):
            raise GitexpError(
                f"{display(entry.path)} is not written to a folder of yours",
                why="The dataset holds a git repository, whose settings could run programs of whoever made it.",
            )


def _below(path: bytes) -> Iterator[bytes]:
    """The ends of a path from each `objects/` on."""
    parts = path.split(b"/")
    for number, part in enumerate(parts[:-1]):
        if part.lower() == b"objects":
            yield b"/".join(parts[number:])


def _is_dot_git(part: bytes) -> bool:
    """As git itself asks: some file systems ignore case, some characters, or dots and blanks at the end."""
    name = part.decode("utf-8", "replace").lower()
    seen = "".join(letter for letter in name if letter not in _IGNORED_BY_HFS).rstrip(". ")
    return seen in (".git", "git~1")


def _compare(entries: Sequence[Entry], target: Path, store: ObjectStore) -> tuple[list[Entry], list[str]]:
    """The files that are not there yet, with their sizes, and lines on what is in the way."""
    new, in_the_way, lacking = [], [], False
    for entry in entries:
        path = target / os.fsdecode(entry.path)
        obstacle = _obstacle(path, target)
        if obstacle is not None:
            if obstacle != path or not _is_same(path, entry):
                in_the_way.append(display(os.fsencode(obstacle)))
            continue
        size_bytes = store.size_bytes(entry.digest)
        lacking = lacking or size_bytes is None
        new.append(entry._replace(size=size_bytes))
    if lacking:
        raise _lacking(entries, store)
    return new, list(dict.fromkeys(in_the_way))


def _obstacle(path: Path, target: Path) -> Path | None:
    """The path itself where it exists, or a parent, from the target down, that is no folder."""
    if os.path.lexists(path):
        return path
    for parent in path.parents:
        if os.path.lexists(parent):
            return None if parent.is_dir() else parent
        if parent == target:
            break
    return None


def _is_same(path: Path, entry: Entry) -> bool:
    try:
        return digest_file(os.fsencode(path)).digest == entry.digest
    except OSError:
        return False


def _copy(entries: Sequence[Entry], folder: Path, store: ObjectStore, progress: Progress | None) -> None:
    folder.mkdir()
    made = {b""}
    wrong: dict[str, Path] = {}
    for entry in entries:
        _make_parents(entry.path, folder, made)
        source = store.path_of(entry.digest)
        if copy(source, folder / os.fsdecode(entry.path)) != entry.digest:
            wrong[f"xxh128:{entry.digest}"] = source
        if progress:
            progress.advance(files=1, size_bytes=entry.size or 0)
    if wrong:
        raise Damaged(list(wrong), list(wrong.values()))


def _move_in(entries: Sequence[Entry], beside: Path, target: Path) -> None:
    made = {b""}
    for entry in entries:
        _make_parents(entry.path, target, made)
        source, path = beside / os.fsdecode(entry.path), target / os.fsdecode(entry.path)
        try:
            os.link(source, path)  # unlike a rename, never replaces what came meanwhile
        except FileExistsError as error:
            raise GitexpError(f"{display(os.fsencode(path))} came to be while it was to be written") from error
        except OSError:  # a file system without links
            source.rename(path)
        else:
            source.unlink()


# ---- both


def _make_parents(path: bytes, folder: Path, made: set[bytes]) -> None:
    parent = path.rpartition(b"/")[0]
    if parent not in made:
        (folder / os.fsdecode(parent)).mkdir(parents=True, exist_ok=True)
        made.add(parent)


def _beside(target: Path) -> Path:
    return target.with_name(f".gitexp-{os.urandom(6).hex()}")


def _appear(beside: Path, target: Path) -> None:
    """Give a folder its name, unless somebody else was first."""
    try:
        beside.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
