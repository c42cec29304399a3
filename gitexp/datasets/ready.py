"""A dataset that is here, proven and described: its bytes by their manifest, and what a record says of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.build import Built, changed_since, manifests_of
from gitexp.datasets.place import Place
from gitexp.record.datarecord import DatasetRecord
from gitexp.record.manifest import dataset_digest

LONG = 1 << 16  # bytes of a manifest from which a second name is cheaper than a second copy


class Dataset(NamedTuple):
    """Data that a program may read. `indices`: the row numbers of its splits and samples, as lines."""

    record: DatasetRecord
    path: Path  # absolute
    built: Built
    place: Place
    indices: Mapping[str, bytes] = {}
    hidden: bool = False  # restricted: its manifest stays out of the record
    warnings: tuple[str, ...] = ()

    def path_from(self, root: Path) -> str:
        """What `{data.NAME}` stands for: relative to the root when inside it, else absolute."""
        return str(self.path.relative_to(root) if self.path.is_relative_to(root) else self.path)

    @property
    def manifests(self) -> Mapping[str, bytes]:
        """For the record, by algorithm; none where they stay out of it."""
        return {} if self.hidden else manifests_of(self.built)

    def file_of(self, manifest: bytes) -> Path | None:
        """A file that holds a long manifest already, and that nobody writes to; None: there is none."""
        cache = self.place.cache if len(manifest) > LONG else None
        return cache.manifest_file(dataset_digest(manifest)) if cache else None

    def keep_hidden(self) -> None:
        """Keep the manifest that no record will hold: else nobody could bring the data back by what is recorded."""
        if self.hidden and self.record.digest is not None:
            self.place.store.put_keyed(self.built.manifest, digest=self.record.digest)

    def changed(self) -> str | None:
        """A sentence where it is no longer what it was before the run."""
        differing = changed_since(self.built)
        if not differing:
            return None
        shown = ", ".join(str(path) for path in differing[:3]) + (", …" if len(differing) > 3 else "")
        return f"dataset {self.record.name} changed while the program ran: {shown}"
