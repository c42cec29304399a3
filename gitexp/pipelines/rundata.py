"""From the datasets that a recipe names to data that is here, proven and described: provide → vet → describe."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitexp.clone import Clone
from gitexp.datasets.build import strong_digest
from gitexp.datasets.pinned import Access, require_key
from gitexp.datasets.place import Place
from gitexp.datasets.ready import Dataset
from gitexp.errors import Refused
from gitexp.git.objectreader import ObjectReader
from gitexp.record.datarecord import DatasetRecord
from gitexp.record.digests import Digest
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.config import Config
from gitexp.stages.provide import Provided, provide

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress, Watch


def ready_data(refs: Mapping[str, DatasetRef], *, clone: Clone, watch: Watch) -> dict[str, Dataset]:
    """Every dataset of a recipe. Raises Refused for what is missing, out of reach, not as pinned or not as promised."""
    if not refs:
        return {}
    place, config = clone.place, clone.config
    for ref in refs.values():
        _by_its_name(ref, place.root, config)
        parents = ref.derived.parents if ref.derived else ()
        if is_hidden(ref, config) or any(is_hidden(config.datasets.get(parent), config) for parent in parents):
            require_key(place)  # before gigabytes are fetched
    provided = {}
    for name, ref in refs.items():
        with watch(f"data {ref.name}") as progress:
            provided[name] = provide(ref, access_to(clone, progress))
    present = {name: ref.digest for name, ref in config.datasets.items() if ref.digest is not None}
    present |= {one.ref.entry: one.built.digest for one in provided.values() if one.ref.entry is not None}
    return {name: _described(one, place, config, present, watch) for name, one in provided.items()}


def access_to(clone: Clone, progress: Progress | None) -> Access:
    """What it takes to get at this repository's data."""

    def find_manifest(digest: str) -> bytes | None:
        from gitexp.history.datause import manifest_of

        with ObjectReader(clone.repo) as reader:
            return manifest_of(clone.repo, reader, branch=clone.config.branch, digest=digest)

    config = clone.config
    return Access(clone.place, config.remotes, config.policy.digests, find_manifest, progress, config.datasets.keys())


def _by_its_name(ref: DatasetRef, root: Path, config: Config) -> None:
    """Refuse restricted data that is named by its path: it would pass for open data."""
    if ref.entry is not None or ref.path is None:
        return
    path = Path(os.path.normpath(root / ref.path))
    for entry in config.datasets.values():
        if entry.access == "restricted" and entry.path is not None:
            theirs = Path(os.path.normpath(root / entry.path))
            if path.is_relative_to(theirs) or theirs.is_relative_to(path):
                raise Refused(
                    f"Dataset {ref.name}: {ref.path} is restricted data, {entry.name} in the catalogue",
                    why="Named by its path alone, it would be recorded and shared as if it were open.",
                    fix=f'{ref.name} = "{entry.name}"    in the recipe, under [data]',
                )


def is_hidden(ref: DatasetRef | None, config: Config) -> bool:
    """Whether neither records nor the catalogue may tell which data it is."""
    return ref is not None and ref.access == "restricted" and config.policy.restricted_manifests == "hide"


def _described(one: Provided, place: Place, config: Config, present: Mapping[str, str], watch: Watch) -> Dataset:
    ref, hidden = one.ref, is_hidden(one.ref, config)
    record = _record(one, place, hidden=hidden)
    if ref.contract is None and ref.contract_file is None and not ref.splits and not ref.samples and not ref.derived:
        return Dataset(record, one.path, one.built, place, hidden=hidden)
    from gitexp.stages.vet import vet

    with watch(f"checking {ref.name}") as progress:
        alike = _as_noted(ref, present, place)
        vetted = vet(ref, one.path, one.built.digest, place=place, present=alike, progress=progress)
    record = record._replace(contract=vetted.contract, lineage=_keyed_parents(vetted.lineage, place, config))
    if not hidden:
        record = record._replace(counts=vetted.counts, split=vetted.splits, sampling=vetted.samples)
    return Dataset(record, one.path, one.built, place, vetted.indices, hidden, vetted.warnings)


def _as_noted(ref: DatasetRef, present: Mapping[str, str], place: Place) -> dict[str, str]:
    """What the parents are now, as their child notes it: the same data by the same digest, keyed where either is."""
    alike = {}
    for name, noted in (ref.derived.parents if ref.derived else {}).items():
        now = present.get(name)
        if now is not None and noted is not None:
            alike[name] = noted if place.same(noted, now) else place.as_keyed(now) if Digest(noted).keyed else now
    return alike


def _record(one: Provided, place: Place, *, hidden: bool) -> DatasetRecord:
    ref, built = one.ref, one.built
    record = DatasetRecord(
        name=ref.name,
        entry=ref.entry,
        path=ref.path,
        url=ref.url,
        kind=ref.kind,
        digest=place.keyed(built.digest) if hidden else built.digest,
        key=place.fingerprint() if hidden else None,
        source=ref.source,
        license=ref.license,
        owner=ref.owner,
        access=ref.access if ref.entry is not None else None,
        tags=ref.tags,
        fetched=ref.fetched,
    )
    if one.resolution is not None:
        record = record._replace(resolved=one.resolution.resolved, mirror=one.resolution.mirror)
    if hidden:  # sizes tell much of small data, and an ETag may be its md5
        return record
    return record._replace(
        sha256=None if built.sha256 is None else strong_digest(built.sha256),
        files=built.files,
        size_bytes=built.size_bytes,
        fetched_bytes=one.fetched_bytes,
        version=one.resolution.version if one.resolution is not None else None,
    )


def _keyed_parents(lineage: Mapping[str, Any], place: Place, config: Config) -> Mapping[str, Any]:
    """Lineage for the record: of a restricted parent, too, it tells no digest that others could guess at."""
    if "parents" not in lineage:
        return lineage
    parents = {
        name: place.as_keyed(digest) if digest != "unknown" and is_hidden(config.datasets.get(name), config) else digest
        for name, digest in lineage["parents"].items()
    }
    return {**lineage, "parents": parents}
