"""See how a dataset of the catalogue stands here: what lies at its path, and whether it is the pinned one.

Fetches nothing and asks no server. Files that have not changed since they were last hashed are not read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp.datasets.place import Place
from gitexp.errors import GitexpError
from gitexp.spec.catalogue import DatasetRef

if TYPE_CHECKING:
    from gitexp.datasets.build import Built
    from gitexp.datasets.progress import Progress
    from gitexp.datasets.sources.resolution import Fetched

STATES = {
    "pinned": "the pinned version is there",
    "changed": "what is there is not the pinned version",
    "unpinned": "it is there, and not pinned",
    "stored": "the pinned version is in the object store",
    "remote": "not here; to be fetched from its URL",
    "missing": "not here",
    "keyless": "only who has the lab's key (git config gitexp.key) can tell whether it is the pinned version",
    "unreadable": "it cannot be hashed",
}


class Look(NamedTuple):
    """How a dataset stands. `path`, `digest` and the sizes are of what is here, None where nothing is."""

    ref: DatasetRef
    state: str  # a key of STATES
    path: Path | None = None
    digest: str | None = None
    files: int | None = None
    size_bytes: int | None = None
    problem: str | None = None  # why it is unreadable


def look(ref: DatasetRef, place: Place, *, progress: Progress | None = None) -> Look:
    """Raises nothing: what cannot be read is a state too."""
    path = Path(os.path.normpath(place.root / ref.path)) if ref.path is not None else None
    try:
        found = _at(ref, path, place, progress) if path is not None else None
        return found or _elsewhere(ref, place)
    except (GitexpError, OSError) as error:
        words = error.what if isinstance(error, GitexpError) else error.strerror or str(error)
        return Look(ref, "unreadable", path, problem=words)


def _at(ref: DatasetRef, path: Path, place: Place, progress: Progress | None) -> Look | None:
    from gitexp.datasets.sources.looks import looks_pointed

    found: Fetched | Built | None = None
    if looks_pointed(path, place.root):
        from gitexp.datasets.sources.pointed import open_pointed

        found = open_pointed(path, place)
    if found is None:
        if not path.exists():
            return None
        from gitexp.datasets.build import build_manifest

        found = build_manifest(path, cache=place.cache, progress=progress)
    return Look(ref, _state(ref, found.digest, place), path, found.digest, found.files, found.size_bytes)


def _state(ref: DatasetRef, digest: str, place: Place) -> str:
    if ref.digest is None:
        return "unpinned"
    if ref.digest.keyed and not place.has_key:
        return "keyless"
    return "pinned" if place.same(ref.digest, digest) else "changed"


def _elsewhere(ref: DatasetRef, place: Place) -> Look:
    kept = stored(ref, place)
    if kept is not None:
        return Look(ref, "stored", None, kept.digest, kept.files, kept.size_bytes)
    return Look(ref, "remote" if ref.url is not None else "missing")


def stored(ref: DatasetRef, place: Place, *, here: str | None = None) -> Fetched | None:
    """The pinned version, else the one that is `here`, if the store has it whole, as far as this clone can tell."""
    from gitexp.datasets.sources.holding import held

    try:
        digest = ref.digest or here
        plain = place.plain(digest) if digest is not None else None
    except GitexpError:  # no key, or another one
        return None
    return held(place.store, plain) if plain is not None else None
