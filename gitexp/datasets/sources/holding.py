"""Datasets in the store: is one there with all its files, and the manifest of files that are."""

from __future__ import annotations

from collections.abc import Sequence

from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.sources.resolution import Fetched
from gitexp.errors import GitexpError
from gitexp.record.manifest import Entry, dataset_digest, dump_manifest, parse_manifest


def held(store: ObjectStore, digest: str) -> Fetched | None:
    """The dataset, if the store has its manifest and all its files; nothing is hashed but the manifest."""
    try:
        manifest = store.path_of(digest).read_bytes()
        entries = parse_manifest(manifest) if dataset_digest(manifest) == digest else None
    except (OSError, GitexpError):
        return None
    if entries is None:
        return None
    size_bytes = 0
    for entry in entries:
        try:
            size_bytes += store.path_of(entry.digest).stat().st_size
        except OSError:
            return None
    return Fetched(manifest, digest, len(entries), size_bytes, bytes_fetched=0, cached=True)


def keep(entries: Sequence[Entry], store: ObjectStore, *, bytes_fetched: int) -> Fetched:
    """The dataset of files that the store has by now; its manifest is stored too."""
    manifest = dump_manifest(entries)
    store.put_bytes(manifest)
    size_bytes = sum(store.path_of(entry.digest).stat().st_size for entry in entries)
    return Fetched(
        manifest, dataset_digest(manifest), len(entries), size_bytes, bytes_fetched, cached=bytes_fetched == 0
    )
