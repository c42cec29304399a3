"""From what is there to the catalogue: provide → write the digest → say what differs from the version before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from gitexp.clone import Clone
from gitexp.datasets.pinned import Access, manifest_behind
from gitexp.errors import GitexpError
from gitexp.pipelines.rundata import access_to, is_hidden
from gitexp.record.digests import Digest
from gitexp.record.manifest import ManifestDifferences, manifest_differences
from gitexp.spec.catalogue import DatasetRef
from gitexp.stages.look import look
from gitexp.stages.provide import provide
from gitexp.stages.writepin import write_parent, write_pin

if TYPE_CHECKING:
    from gitexp.datasets.progress import Watch


class Pinned(NamedTuple):
    """A digest that the catalogue now states. `differences`: None where one of the two manifests is not to be had."""

    name: str
    file: str  # relative to the root
    old: str | None
    new: str
    files: int | None
    size_bytes: int | None
    differences: ManifestDifferences | None
    is_known: bool = True  # False: neither the store nor a record has the manifest of the digest that was typed


class NotedParent(NamedTuple):
    """A parent of a derived dataset. `old` None: none was noted; `new` None: not known, so nothing was written."""

    name: str
    parent: str
    old: str | None
    new: str | None


def pin(ref: DatasetRef, digest: str | None, *, clone: Clone, watch: Watch) -> Pinned:
    """Pin a dataset to `digest`; None: to what is at its path, or else at its URL. Raises GitexpError.

    Of hidden restricted data the pin is keyed: a plain digest tells everybody who knows the data which it is.
    """
    files = size_bytes = manifest = None
    place, hidden = clone.place, is_hidden(ref, clone.config)
    if hidden or Digest(digest or "").keyed:
        place.key()  # before gigabytes are hashed
    if Digest(digest or "").keyed and ref.access != "restricted":
        raise GitexpError(
            f"Dataset {ref.name} is not restricted, so its pin is a plain digest",
            fix=f"gitexp data pin {ref.name} --digest xxh128:…",
        )
    with watch(f"data {ref.name}") as progress:
        access = access_to(clone, progress)
        before = _manifest(ref.digest, access) if ref.digest is not None else None  # hashing may drop it from the cache
        if digest is None:
            built = provide(ref._replace(digest=None), access).built
            digest, manifest, files, size_bytes = built.digest, built.manifest, built.files, built.size_bytes
            place.store.put_bytes(manifest)  # so that what differs from it can be told, whatever becomes of it
        else:
            manifest = _manifest(digest, access)
    if hidden:
        digest = place.as_keyed(digest)
        if manifest is not None:
            place.store.put_keyed(manifest, digest=digest)  # else nobody could go from the pin to the bytes
    differences = None
    if ref.digest != digest and before is not None and manifest is not None:
        differences = manifest_differences(before, manifest)
    file = write_pin(place.root, clone.config, ref.name, digest)
    return Pinned(ref.name, file, ref.digest, digest, files, size_bytes, differences, manifest is not None)


def note_parents(ref: DatasetRef, *, clone: Clone) -> list[NotedParent]:
    """Write into a derived dataset what its parents are now: as pinned, else as they lie here."""
    place, config = clone.place, clone.config
    noted = []
    for parent, old in ref.derived.parents.items() if ref.derived else ():
        entry = config.datasets[parent]
        new = entry.digest or look(entry, place).digest
        if new is not None and is_hidden(entry, config):
            new = place.as_keyed(new)
        if new is not None and new != old:
            write_parent(place.root, config, ref.name, parent, new)
        noted.append(NotedParent(ref.name, parent, old, new))
    return noted


def made_of(name: str, digest: str, clone: Clone) -> list[str]:
    """The datasets that note another version of this one as their parent."""
    return [
        other.name
        for other in clone.config.datasets.values()
        if other.derived and not clone.place.same(other.derived.parents.get(name) or digest, digest)
    ]


def doubts(refs: Iterable[DatasetRef], clone: Clone) -> Iterator[str]:
    """Sentences on pins that tell strangers too much, or this clone too little."""
    place, config = clone.place, clone.config
    for ref in refs:
        if ref.digest is not None and ref.digest.keyed and not place.has_key:
            yield (
                f"{ref.name}: without the lab's key it cannot be told whether this is the data that is pinned; "
                "git config --global gitexp.key KEY"
            )
        if ref.digest is not None and not ref.digest.keyed and is_hidden(ref, config):
            yield f"{ref.name}: its plain digest in the catalogue tells which data it is; gitexp data pin {ref.name}"
        for parent, digest in ref.derived.parents.items() if ref.derived else ():
            if digest is not None and not Digest(digest).keyed and is_hidden(config.datasets[parent], config):
                yield (
                    f"{ref.name}: the plain digest of its parent {parent} tells which data that is; "
                    f"gitexp data pin {ref.name} --parents"
                )


def _manifest(digest: str, access: Access) -> bytes | None:
    """From the store, from a run's record, or from the last time that it was hashed here."""
    try:
        manifest = manifest_behind(digest, access)
    except GitexpError:
        manifest = None
    cache = access.place.cache
    return manifest if manifest is not None or cache is None or Digest(digest).keyed else cache.read_manifest(digest)
