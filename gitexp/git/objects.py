"""Write blobs, trees and commits, and move one ref by compare-and-swap. Touches objects and that ref; nothing else.

Four processes of some 1.5 ms write a whole run: hash-object (its files), mktree (its trees), commit-tree, update-ref.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from gitexp.durable import sync_all
from gitexp.git.repo import GitFailed, Repo, finish, line, object_folder, output, start

FRESH_S = 120.0  # after half a minute Linux writes by itself what is in memory
_COMMIT = ("-c", "i18n.commitEncoding=UTF-8", "commit-tree")
_HEX = tuple(f"{number:02x}" for number in range(256))


def write_blobs(repo: Repo, paths: Sequence[Path]) -> list[str]:
    """Store files as they are (no filters, no line-ending conversion) and return their object ids."""
    if not paths:
        return []
    feed = b"".join(path_line(path) for path in paths)
    return output(repo, "hash-object", "-w", "--no-filters", "--stdin-paths", feed=feed).decode().split()


def path_line(path: Path) -> bytes:
    """A path on a line of its own, as git reads lists of paths: quoted where it would not end with its line."""
    raw = os.fsencode(path)
    if b"\n" in raw or b"\r" in raw or raw.startswith(b'"'):
        for plain, quoted in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r")):
            raw = raw.replace(plain, quoted)
        raw = b'"' + raw + b'"'
    return raw + b"\n"


class Laid(NamedTuple):
    """Part of a tree that is ready to be stored: name in the tree → file, and name → id of a tree that is there."""

    files: Mapping[str, Path]
    trees: Mapping[str, str]


class Written(NamedTuple):
    """A tree, and the ids of all objects that were written for it."""

    tree: str
    objects: tuple[str, ...]


def write_files(repo: Repo, files: Mapping[str, Path], *, trees: Mapping[str, str]) -> Written:
    """Store files as one tree. `files`: name in the tree → file; `trees`: name → id of a tree that is there.

    Names are ours (`data/digits.xxh128/000000`), so none needs quoting.
    """
    oids = dict(zip(files, write_blobs(repo, list(files.values())), strict=True))
    entries: dict[str, list[str]] = {"": []}
    for kind, ids in (("040000 tree", trees), ("100644 blob", oids)):
        for name, oid in ids.items():
            folder, _, base = name.rpartition("/")
            entries.setdefault(folder, []).append(f"{kind} {oid}\t{base}")
    for folder in list(entries):
        while folder:
            folder = folder.rpartition("/")[0]
            entries.setdefault(folder, [])
    written = []
    with _TreeWriter(repo) as writer:
        for folder in sorted(entries, key=lambda name: name.count("/") + bool(name), reverse=True):  # deepest first
            tree = writer.write(entries[folder])
            written.append(tree)
            if folder:
                parent, _, base = folder.rpartition("/")
                entries[parent].append(f"040000 tree {tree}\t{base}")
    return Written(tree, (*oids.values(), *written))


def is_whole(repo: Repo, oid: str) -> bool:
    """Whether an object, and all that it names, is in this repository."""
    looking = start(repo.root, "rev-list", "--objects", "--quiet", oid, "--")
    looking.communicate()
    return looking.returncode == 0  # whoever is told no, though git only died, writes what is there already


class _TreeWriter:
    """One `git mktree --batch` for several trees: each may name those written before."""

    def __init__(self, repo: Repo) -> None:
        self._process = start(repo.root, "mktree", "--batch", stdin=subprocess.PIPE)

    def __enter__(self) -> _TreeWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()

    def write(self, entries: Sequence[str]) -> str:
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None and answers is not None
        with suppress(BrokenPipeError):  # git said why on stderr
            asked.write("".join(f"{entry}\n" for entry in [*entries, ""]).encode())
            asked.flush()
        oid = answers.readline().decode().strip()
        if not oid:
            finish(self._process)
            raise GitFailed("git mktree wrote no tree")
        return oid


def write_commit(
    repo: Repo,
    *,
    tree: str,
    parents: Sequence[str],
    message: str,
    authored: datetime | None = None,
    committed: datetime | None = None,
    identity: Mapping[str, str] | None = None,
) -> str:
    """Store a commit and return its id. `authored` and `committed` are its dates, each in its own time zone.

    Signed, where that is asked for; raises SigningFailed where that cannot be.
    """
    env = dict(identity or {})
    for name, moment in (("GIT_AUTHOR_DATE", authored), ("GIT_COMMITTER_DATE", committed)):
        if moment is not None:
            env[name] = f"{int(moment.timestamp())} {moment.strftime('%z')[:5]}"
    args = [tree]
    for parent in parents:
        args += ["-p", parent]
    return store_commit(repo, args, message.encode("utf-8", "backslashreplace"), env=env)


def store_commit(repo: Repo, args: Sequence[str], message: bytes, *, env: Mapping[str, str]) -> str:
    """Store a commit as write_commit does. `args`: its tree, and `-p` before each parent."""
    if repo.signs:
        from gitexp.git.signing import sign

        return sign(repo, (*_COMMIT, *args, "-F", "-"), feed=message, env=env)
    return line(repo, *_COMMIT, *args, "-F", "-", feed=message, env=env)


def always_same(repo: Repo, write: Callable[[], str]) -> Callable[[], str]:
    """`write`, which stores a commit; called again, it stores the same one: of a signature there is no second."""
    kept: list[bytes] = []

    def store() -> str:
        if kept:
            return line(repo, "hash-object", "-t", "commit", "-w", "--stdin", feed=kept[0])
        commit = write()
        if repo.signs:
            kept.append(output(repo, "cat-file", "commit", commit))
        return commit

    return store


def sync_code(repo: Repo, commit: str) -> None:
    """Wait for the disk to have the code's commit, which git may just have made; once. Raises OSError."""
    note = repo.common_dir / "gitexp" / "synced"
    with suppress(OSError, UnicodeDecodeError):  # nothing waited for yet
        if note.read_text() == commit:
            return
    sync_objects(repo, fresh_objects(repo, commit))
    note.write_text(commit)


def fresh_objects(repo: Repo, commit: str) -> list[str]:
    """The loose objects of the two minutes before a commit, if it is no older: they may still be in memory alone."""
    folder = object_folder(repo)
    try:
        made = (folder / commit[:2] / commit[2:]).stat().st_mtime
    except OSError:
        return []  # in a pack, for which git waits
    if abs(time.time() - made) > FRESH_S:
        return []
    found = []
    for name in _HEX:
        try:
            if (folder / name).stat().st_mtime < made - FRESH_S:
                continue
            with os.scandir(folder / name) as entries:
                found += [name + one.name for one in entries if made - FRESH_S <= one.stat().st_mtime <= made]
        except OSError:
            continue  # there is none; or a gc removes them, and then they are in a pack
    return [oid for oid in found if len(oid) == len(commit)]


def sync_objects(repo: Repo, oids: Iterable[str], *also: Path) -> None:
    """Wait for the disk to have loose objects, which git does not (packs it does), and other files. Raises OSError."""
    folder = object_folder(repo)
    files = [folder / oid[:2] / oid[2:] for oid in oids]
    sync_all([*files, *(file.parent for file in files), folder, *also], on=folder)


def move_ref(repo: Repo, ref: str, *, new: str, old: str | None, why: str) -> str | None:
    """Point `ref` at `new` if it still is at `old` (None: does not exist). None when done, else git's words.

    A lost race and a held lock differ only in wording; the caller looks at the ref again and decides. It is on the disk
    then, and what it names must be before: else a power cut leaves a branch whose tip is an empty file.
    """
    zero = "0" * len(new)
    process = start(repo.root, "update-ref", "--no-deref", "--create-reflog", "-m", why, ref, new, old or zero)
    _, words = process.communicate()
    if process.returncode != 0:
        return words.decode(errors="replace").strip()
    sync_ref(repo, ref)
    return None


def sync_ref(repo: Repo, ref: str) -> None:
    """Wait for the disk to have a ref and its log as they are. Raises OSError."""
    sync_all(_holding(repo.common_dir, ref), on=repo.common_dir)


def _holding(common_dir: Path, ref: str) -> Iterator[Path]:
    """The files and folders in which a ref and its log may be."""
    yield from (common_dir, common_dir / "reftable", common_dir / "reftable" / "tables.list")
    for path in (common_dir / ref, common_dir / "logs" / ref):
        yield path
        yield from itertools.takewhile(common_dir.__ne__, path.parents)
