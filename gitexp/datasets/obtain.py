"""A digest to the bytes it names, in the object store: what is there already, else from remotes in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp.datasets.objects.store import ObjectStore
from gitexp.errors import GitexpError
from gitexp.model.manifest import ALGORITHM, Entry, parse_manifest
from gitexp.model.run import Unreadable

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress
    from gitexp.model.config import RemoteSettings

FindManifest = Callable[[str], "bytes | None"]


class Obtained(NamedTuple):
    """What is in the store now. `failures`: sentences, one for each object that is not."""

    manifest: bytes | None
    fetched_bytes: int
    failures: Sequence[str]

    @property
    def complete(self) -> bool:
        """Whether everything is here."""
        return self.manifest is not None and not self.failures


def known_manifest(digest: str, *, store: ObjectStore, find_manifest: FindManifest | None) -> bytes | None:
    """The manifest of a dataset's digest, from the store or from a record; None where neither has it."""
    try:
        return store.read_bytes(digest)
    except GitexpError:
        return find_manifest(digest) if find_manifest is not None else None


def obtain(
    digest: str,
    *,
    store: ObjectStore,
    remotes: Iterable[RemoteSettings],
    root: Path,
    find_manifest: FindManifest | None = None,
    progress: Progress | None = None,
) -> Obtained:
    """Bring a whole dataset into the store, its manifest included. Raises nothing for what cannot be had."""
    manifest, fetched_bytes, failures = known_manifest(digest, store=store, find_manifest=find_manifest), 0, [""]
    if manifest is None:
        fetched_bytes, failures = obtain_objects([digest], store, remotes, root)
        manifest = known_manifest(digest, store=store, find_manifest=None)
    if manifest is None:
        return Obtained(None, fetched_bytes, failures)
    store.put_bytes(manifest)
    try:
        entries = parse_manifest(manifest)
    except Unreadable as error:
        return Obtained(manifest, fetched_bytes, [f"{digest} is no dataset: {error.what}"])
    files = obtain_files(entries, store=store, remotes=remotes, root=root, progress=progress)
    return Obtained(manifest, fetched_bytes + files.fetched_bytes, files.failures)


def obtain_files(
    entries: Iterable[Entry],
    *,
    store: ObjectStore,
    remotes: Iterable[RemoteSettings],
    root: Path,
    progress: Progress | None = None,
) -> Obtained:
    """Bring files into the store."""
    missing = [f"{ALGORITHM}:{digest}" for digest in {entry.digest: None for entry in entries} if not store.has(digest)]
    if not missing:
        return Obtained(b"", 0, ())
    fetched_bytes, failures = obtain_objects(missing, store, remotes, root, progress)
    return Obtained(b"", fetched_bytes, failures)


def obtain_objects(
    digests: Sequence[str],
    store: ObjectStore,
    remotes: Iterable[RemoteSettings],
    root: Path,
    progress: Progress | None = None,
    *,
    lab_key: bytes | None = None,
) -> tuple[int, list[str]]:
    """Bring objects into the store: the bytes that were fetched, and a sentence for each object that is not there."""
    digests = [digest for digest in digests if not store.has(digest)]
    if not digests:
        return 0, []
    places = list(remotes)
    if not places:
        return 0, [f"{digest} is not in the object store {store.root}" for digest in digests]
    from gitexp.datasets.objects.transfer import fetch_objects
    from gitexp.datasets.remotes import open_remote

    opened, failures = [], []
    for place in places:
        try:
            opened.append(open_remote(place, root=root))
        except GitexpError as error:
            failures.append(f"{place.name}: {error.what}")
    report = fetch_objects(opened, digests, store, progress, lab_key=lab_key)
    if not report.failures:
        return report.size_bytes, []
    return report.size_bytes, [*failures, *(f"{failure.key}: {failure.words}" for failure in report.failures)]
