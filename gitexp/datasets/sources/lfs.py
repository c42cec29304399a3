"""git-lfs pointer files to the bytes that they stand for, in `<common dir>/lfs/objects`. git-lfs itself is not needed.

A pointer is a text of less than 1,024 bytes: `version https://git-lfs.github.com/spec/v1`, `oid sha256:…`, `size …`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.sources.checksums import digests_of
from gitexp.datasets.sources.looks import pointer_text
from gitexp.datasets.sources.resolution import SourceFile
from gitexp.errors import Refused, beyond
from gitexp.record.manifest import display

SHOWN = 20
_KEY = rb"[a-z0-9.-]+"


class Pointer(NamedTuple):
    """The file that a pointer stands for."""

    oid: str  # sha256, 64 hexadecimal digits
    size: int


def pointer(path: Path | bytes) -> Pointer | None:
    """What the file points to; None for a file that is no pointer. Raises OSError, and Refused for a broken one."""
    text = pointer_text(path)
    if text is None:
        return None
    where = display(os.fsencode(path))
    fields: dict[bytes, bytes] = {}
    for line in text.removesuffix(b"\n").split(b"\n"):
        key, space, value = line.partition(b" ")
        if not space or not re.fullmatch(_KEY, key) or key in fields:
            raise Refused(f"{where} looks like a git-lfs pointer, but is none: {display(line)}")
        fields[key] = value
    if any(key.startswith(b"ext-") for key in fields):
        raise Refused(
            f"{where} is a git-lfs pointer of an extension, which gitexp does not understand",
            why="The stored bytes are not those of the file: only the extension's program can turn them back.",
            fix="git lfs pull",
        )
    oid, size = fields.get(b"oid", b""), fields.get(b"size", b"")
    if not re.fullmatch(rb"sha256:[0-9a-f]{64}", oid) or not re.fullmatch(rb"\d{1,18}", size):
        raise Refused(f"{where} looks like a git-lfs pointer, but has no oid sha256:… and size")
    return Pointer(oid.removeprefix(b"sha256:").decode(), int(size))


def pointer_or_none(path: bytes) -> Pointer | None:
    """As `pointer`; what cannot be read is none: hashing it will say so."""
    try:
        return pointer(path)
    except OSError:
        return None


def real_files(pointers: Sequence[tuple[bytes, Pointer]], storage: Path) -> dict[bytes, Path]:
    """Where the bytes lie, by path in the dataset. Raises Refused, naming every file whose bytes are not here."""
    # Where git-lfs keeps an object, below `<common dir>/lfs` or what lfs.storage names.
    found = {path: storage / "objects" / one.oid[:2] / one.oid[2:4] / one.oid for path, one in pointers}
    absent = [path for path, place in found.items() if not place.is_file()]
    if absent:
        names = [f"  {display(path)}" for path in sorted(absent)[:SHOWN]]
        more = beyond(len(absent), SHOWN)
        raise Refused(
            f"{len(absent)} of {len(found)} git-lfs files are not here, only pointers to them",
            details=[*names, *more],
            why=f"Their bytes would be in {storage}",
            fix="git lfs pull    (then run the command again)",
        )
    return found


def verified(path: bytes, one: Pointer, place: Path) -> tuple[str, int]:
    """xxh128 and size of the bytes a pointer stands for. Raises Refused where they are others."""
    like = SourceFile(path, "", one.size, sha256=one.oid)
    digests = digests_of(place, like=like)
    if lines := digests.differences(like):
        raise Refused(
            f"The git-lfs object of {display(path)} is damaged",
            details=[f"  {place}", *lines],
            fix="git lfs fsck    then git lfs pull",
        )
    return digests.xxh128, digests.size
