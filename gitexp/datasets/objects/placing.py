"""A dataset in the store to copies of its files in a folder of the user's. Nothing that is there is overwritten.

Below that folder no link is followed, whoever made it and when: each part of a path is opened from the folder above it.
A folder that did not exist appears whole or not at all.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp.datasets.digest import digest_file
from gitexp.datasets.objects.checkout import SHOWN, lacking
from gitexp.datasets.objects.copies import copy
from gitexp.datasets.objects.store import Damaged, ObjectStore
from gitexp.errors import GitexpError, beyond
from gitexp.record.digests import Digest
from gitexp.record.manifest import Entry, display, parse_manifest
from gitexp.removal import remove_tree

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress

_IGNORED_BY_HFS = {
    chr(code) for code in (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF)
}
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Below:
    """A folder, held open, and the folders below it: those on the way to the path that was asked for last."""

    def __init__(self, path: bytes | Path, *, dir_fd: int | None = None) -> None:
        """The folder itself may be a link, where it is given by its whole path. Raises OSError."""
        self.fd = os.open(path, _OPEN_FOLDER | (os.O_NOFOLLOW if dir_fd is not None else 0), dir_fd=dir_fd)
        self._way: list[tuple[bytes, int]] = []

    def parent(self, path: bytes, *, make: bool = False) -> tuple[int, bytes]:
        """The open folder that a path's last part is in, and that part. Raises OSError, also for a link on the way."""
        *parts, last = path.split(b"/")
        shared = 0
        while shared < min(len(parts), len(self._way)) and self._way[shared][0] == parts[shared]:
            shared += 1
        self._leave(shared)
        for part in parts[shared:]:
            above = self._way[-1][1] if self._way else self.fd
            if make:
                try:
                    os.mkdir(part, dir_fd=above)
                except FileExistsError:
                    pass
            self._way.append((part, os.open(part, _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=above)))
        return (self._way[-1][1] if self._way else self.fd), last

    @property
    def way(self) -> bytes:
        """The folders that are open: all of a path's, or as many as could be opened."""
        return b"/".join(part for part, _ in self._way)

    def _leave(self, keep: int) -> None:
        while len(self._way) > keep:
            os.close(self._way.pop()[1])

    def __enter__(self) -> Below:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(0)
        os.close(self.fd)


def place_copies(manifest: bytes, *, store: ObjectStore, target: Path, progress: Progress | None = None) -> int:
    """Copy a dataset's files into the folder `target`, which may be a link; the bytes of those that were not there.

    Files that are there and the same stay. Raises GitexpError, having written nothing, where something else is in the
    way or the store lacks something, and Damaged for all objects whose bytes are others by now.
    """
    entries = parse_manifest(manifest)
    refuse_repositories(entries)
    target = Path(os.path.abspath(target))
    existed = os.path.lexists(target)
    new, in_the_way = _compare(entries, target, existed, store)
    if in_the_way:
        more = beyond(len(in_the_way), SHOWN)
        raise GitexpError(
            f"{len(in_the_way)} of {len(entries)} files cannot be written to {target}",
            details=[*(f"  {line}" for line in in_the_way[:SHOWN]), *more],
            why="What is there is never overwritten, and no link in it is followed. Nothing was written.",
            fix="name another folder, or move these files away",
        )
    if progress:
        progress.expect(files=len(new), size_bytes=sum(entry.size or 0 for entry in new))
    beside = f".gitexp-{os.urandom(6).hex()}".encode()
    try:
        if not existed:
            target.parent.mkdir(parents=True, exist_ok=True)
        with Below(target if existed else target.parent) as around:
            os.mkdir(beside, dir_fd=around.fd)
            try:
                with Below(beside, dir_fd=around.fd) as made:
                    _copy(new, made, store, progress)
                    if existed:
                        _move_in(new, made, around, target)
                if not existed:
                    os.rename(beside, os.fsencode(target.name), src_dir_fd=around.fd, dst_dir_fd=around.fd)
            finally:
                remove_tree(beside, dir_fd=around.fd)
    except OSError as error:
        raise GitexpError(f"{target} cannot be written: {error.strerror or error}") from error
    return sum(entry.size or 0 for entry in new)


def refuse_repositories(entries: Sequence[Entry]) -> None:
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


def _compare(
    entries: Sequence[Entry], target: Path, existed: bool, store: ObjectStore
) -> tuple[list[Entry], list[str]]:
    """The files that are not there yet, with their sizes, and lines on what is in the way."""
    if existed and not target.is_dir():
        return [], [display(os.fsencode(target))]
    obstacles = _obstacles(entries, target) if existed else {}
    new, in_the_way = [], []
    for entry in entries:
        obstacle = obstacles.get(entry.path)
        if obstacle is None:
            new.append(entry._replace(size=store.size_bytes(entry.digest)))
        elif not _is_same(target / os.fsdecode(entry.path), entry):
            in_the_way.append(display(os.fsencode(target) + b"/" + obstacle))
    if any(entry.size is None for entry in new):
        raise lacking(entries, store)
    return new, list(dict.fromkeys(in_the_way))


def _obstacles(entries: Sequence[Entry], target: Path) -> dict[bytes, bytes]:
    try:
        with Below(target) as below:
            found = [(entry.path, _obstacle(entry.path, below)) for entry in entries]
    except OSError as error:
        raise GitexpError(f"{target} cannot be read: {error.strerror or error}") from error
    return {path: obstacle for path, obstacle in found if obstacle is not None}


def _obstacle(path: bytes, below: Below) -> bytes | None:
    """The path itself where it exists, or a parent that is no folder, such as a link to one."""
    try:
        fd, name = below.parent(path)
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        return b"/".join(path.split(b"/")[: below.way.count(b"/") + 1 + bool(below.way)])
    return path


def _is_same(path: Path, entry: Entry) -> bool:
    """Whether these bytes are there already, be it behind a link of the user's: nothing is written to it."""
    try:
        return digest_file(os.fsencode(path)).digest == entry.digest
    except OSError:
        return False


def _copy(entries: Sequence[Entry], made: Below, store: ObjectStore, progress: Progress | None) -> None:
    wrong: dict[str, Path] = {}
    for entry in entries:
        fd, name = made.parent(entry.path, make=True)
        source = store.path_of(entry.digest)
        if copy(source, name, dir_fd=fd) != entry.digest:
            wrong[Digest.xxh128(entry.digest)] = source
        if progress:
            progress.advance(files=1, size_bytes=entry.size or 0)
    if wrong:
        raise Damaged(list(wrong), list(wrong.values()))


def _move_in(entries: Sequence[Entry], made: Below, around: Below, target: Path) -> None:
    for entry in entries:
        source, name = made.parent(entry.path)
        place, _ = around.parent(entry.path, make=True)
        try:
            # Unlike a rename, never replaces what came meanwhile.
            os.link(name, name, src_dir_fd=source, dst_dir_fd=place, follow_symlinks=False)
        except FileExistsError as error:
            raise GitexpError(
                f"{display(os.fsencode(target) + b'/' + entry.path)} came to be while it was to be written"
            ) from error
        except OSError:  # a file system without links
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=place)
        else:
            os.unlink(name, dir_fd=source)
