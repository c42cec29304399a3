"""A file's bytes held against the checksums that its source states, read once for all of them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.digest import digest_with
from gitexp.datasets.sources.resolution import SourceFile


class Digests(NamedTuple):
    """What a file's bytes are. None: not computed, because nobody states it."""

    xxh128: str
    size: int
    sha256: str | None = None
    md5: str | None = None
    blob: str | None = None

    def differences(self, file: SourceFile) -> tuple[str, ...]:
        """What the source states otherwise, as lines for people."""
        pairs = (
            ("bytes", file.size, self.size),
            ("sha256", file.sha256, self.sha256),
            ("md5", file.md5, self.md5),
            ("git blob", file.blob, self.blob),
        )
        return tuple(
            f"  {name}: stated {stated}, arrived {found}"
            for name, stated, found in pairs
            if stated is not None and stated != found
        )


def digests_of(path: Path, *, like: SourceFile) -> Digests:
    """Hash a file once, by xxh128 and by every algorithm that `like` states. Raises OSError."""
    states: dict[str, hashlib._Hash] = {}
    if like.sha256:
        states["sha256"] = hashlib.sha256()
    if like.md5:
        states["md5"] = hashlib.md5(usedforsecurity=False)
    if like.blob:
        states["blob"] = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    seen = digest_with(os.fsencode(path), *(state.update for state in states.values()))
    return Digests(seen.digest, seen.size, **{name: state.hexdigest() for name, state in states.items()})
