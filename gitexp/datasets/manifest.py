"""A file or folder to its manifest, and later, cheaply, to what has changed since. Reads; writes nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.digest import ChangedWhileRead, NotAFile, Seen, digest_file
from gitexp.datasets.walk import Found, Problem, dangling, no_file, unreadable, walk
from gitexp.errors import Refused
from gitexp.model.manifest import Entry, dataset_digest, display, dump_manifest

# A file system may note the time of a change only to the second or two: a file written this shortly before it was
# hashed could be written again without its stat showing it.
RACY_NS = 2_000_000_000
SHOWN = 20


class Built(NamedTuple):
    """A dataset that was hashed. `seen` is by path in the manifest; `began_ns` is on the file system's clock."""

    path: Path
    manifest: bytes
    digest: str
    files: int
    size_bytes: int
    seen: Mapping[bytes, Seen]
    began_ns: int


def build_manifest(path: Path) -> Built:
    """Hash a file or folder. Raises Refused, naming the file, for anything in it that cannot be hashed."""
    built, problems = build_readable(path)
    if problems:
        raise _refusal(path, problems)
    return built


def _refusal(path: Path, problems: Sequence[Problem]) -> Refused:
    import shlex

    more = [f"  … and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    folder = path if path.is_dir() else path.parent
    fix = next((problem.fix for problem in problems if problem.fix), "")
    return Refused(
        f"{display(os.fsencode(path))} cannot be hashed: {problems[0].what}",
        details=[*(f"  {problem.what}" for problem in problems[:SHOWN]), *more] if len(problems) > 1 else (),
        why="A dataset is recorded by the content of every file in it.",
        fix=f"cd {shlex.quote(display(os.fsencode(folder)))} && {fix}" if fix else "",
    )


def build_readable(path: Path) -> tuple[Built, tuple[Problem, ...]]:
    """Hash what can be hashed of a file or folder, and name what cannot (sorted). Raises nothing."""
    began_ns = time.time_ns()
    seen: dict[bytes, Seen] = {}
    problems: list[Problem] = []
    # One thread: small files are bound by system calls, large ones by memory, and a second thread sped up neither.
    for found in _files(os.fsencode(path)):
        if isinstance(found, Problem):
            problems.append(found)
            continue
        result = _hash(found)
        if isinstance(result, Problem):
            problems.append(result)
        else:
            seen[found.relative] = result
    manifest = dump_manifest(Entry(relative, one.digest, one.size) for relative, one in seen.items())
    size_bytes = sum(one.size for one in seen.values())
    built = Built(path, manifest, dataset_digest(manifest), len(seen), size_bytes, seen, began_ns)
    return built, tuple(sorted(problems))


def changed_since(built: Built) -> list[str]:
    """Paths that were added, removed or changed since, sorted, as text. Raises nothing.

    A file whose size, times and inode are as they were is not read again, unless it was written so shortly before it
    was hashed that these could not tell.
    """
    differing: list[bytes] = []
    left = dict(built.seen)
    root = os.fsencode(built.path)
    for found in _files(root) if os.path.exists(root) else ():
        before = left.pop(found.relative, None)
        if before is None or isinstance(found, Problem) or not _is_same(found, before, built.began_ns):
            differing.append(found.relative)
    return [display(path) for path in sorted([*differing, *left])]


def _is_same(found: Found, before: Seen, began_ns: int) -> bool:
    try:
        now = os.stat(found.path)
    except OSError:
        return False
    same = (now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino) == before[1:]
    if same and max(before.mtime_ns, before.ctime_ns) < began_ns - RACY_NS:
        return True
    if now.st_size != before.size:
        return False
    again = _hash(found)
    return not isinstance(again, Problem) and again.digest == before.digest


def _files(root: bytes) -> Iterator[Found | Problem]:
    if os.path.isdir(root):
        return walk(root)
    return iter((Found(os.path.basename(root), root),))


def _hash(found: Found) -> Seen | Problem:
    try:
        return digest_file(found.path)
    except ChangedWhileRead:
        return Problem(found.relative, f"{display(found.relative)} changed while it was being read")
    except NotAFile:
        return no_file(found.relative)
    except FileNotFoundError as error:
        if os.path.islink(found.path):
            return dangling(found.relative, error)
        return Problem(found.relative, f"{display(found.relative)} vanished while the dataset was being read")
    except OSError as error:
        return unreadable(found.relative, error)
