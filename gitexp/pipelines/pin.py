"""From what is there to the catalogue: provide → write the digest → say what differs from the version before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NamedTuple

from gitexp.datasets.obtain import known_manifest
from gitexp.datasets.place import Place
from gitexp.errors import GitexpError
from gitexp.git.repo import Repo
from gitexp.model.catalogue import DatasetRef
from gitexp.model.config import Config
from gitexp.model.manifest import ManifestDifferences, manifest_differences
from gitexp.pipelines.data import access_to
from gitexp.stages.look import look
from gitexp.stages.pin import write_parent, write_pin
from gitexp.stages.provide import Access, provide

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress

Watch = Callable[[str], "AbstractContextManager[Progress]"]


class Pinned(NamedTuple):
    """A digest that the catalogue now states. `differences`: None where one of the two manifests is not to be had."""

    name: str
    file: str  # relative to the root
    old: str | None
    new: str
    files: int | None
    size_bytes: int | None
    differences: ManifestDifferences | None


class NotedParent(NamedTuple):
    """A parent of a derived dataset. `new` None: what it is now is not known, so nothing was written."""

    name: str
    parent: str
    old: str
    new: str | None


def pin(
    ref: DatasetRef, digest: str | None, *, repo: Repo, config: Config, settings: Mapping[str, str], watch: Watch
) -> Pinned:
    """Pin a dataset to `digest`; None: to what is at its path, or else at its URL. Raises GitexpError."""
    files = size_bytes = manifest = None
    with watch(f"data {ref.name}") as progress:
        access = access_to(repo, config, settings, progress)
        before = _manifest(ref.digest, access) if ref.digest is not None else None  # hashing may drop it from the cache
        if digest is None:
            built = provide(ref._replace(digest=None), access).built
            digest, manifest, files, size_bytes = built.digest, built.manifest, built.files, built.size_bytes
            access.place.store.put_bytes(manifest)  # so that what differs from it can be told, whatever becomes of it
        else:
            manifest = _manifest(digest, access)
    differences = None
    if ref.digest != digest and before is not None and manifest is not None:
        differences = manifest_differences(before, manifest)
    file = write_pin(repo.root, config, ref.name, digest)
    return Pinned(ref.name, file, ref.digest, digest, files, size_bytes, differences)


def note_parents(ref: DatasetRef, *, repo: Repo, config: Config, settings: Mapping[str, str]) -> list[NotedParent]:
    """Write into a derived dataset what its parents are now: as pinned, else as they lie here."""
    place = Place(repo.root, repo.common_dir, settings)
    noted = []
    for parent, old in ref.derived.parents.items() if ref.derived else ():
        entry = config.datasets[parent]
        new = entry.digest or look(entry, place).digest
        if new is not None and new != old:
            write_parent(repo.root, config, ref.name, parent, new)
        noted.append(NotedParent(ref.name, parent, old, new))
    return noted


def made_of(name: str, digest: str, config: Config) -> list[str]:
    """The datasets that note another version of this one as their parent."""
    return [
        other.name
        for other in config.datasets.values()
        if other.derived and other.derived.parents.get(name, digest) != digest
    ]


def _manifest(digest: str, access: Access) -> bytes | None:
    """From the store, from a run's record, or from the last time that it was hashed here."""
    try:
        manifest = known_manifest(digest, store=access.place.store, find_manifest=access.find_manifest)
    except GitexpError:
        manifest = None
    cache = access.place.cache
    return manifest if manifest is not None or cache is None else cache.read_manifest(digest)
