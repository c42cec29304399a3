"""From runs to their bytes on a remote: what they need → what the remote lacks → where it is here → sent.

Bytes that git holds as part of the code stay there. Restricted data goes only to remotes that its entry lists, under
whatever name a run met it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp.clone import Clone
from gitexp.datasets.digest import digest_file
from gitexp.datasets.objects.objectname import name_of
from gitexp.datasets.obtain import by_cause
from gitexp.datasets.remotes import open_remote
from gitexp.datasets.remotes.transfer import Failure, send_objects
from gitexp.errors import GitexpError, and_more, counted
from gitexp.git.objectreader import ObjectReader
from gitexp.history.datause import manifest_among, manifest_at
from gitexp.history.needed import DatasetNeed, is_in_code, needed
from gitexp.pipelines.rundata import is_hidden
from gitexp.record.digests import Digest
from gitexp.record.manifest import dataset_digest, display, parse_manifest
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.config import Config, RemoteSettings
from gitexp.spec.trust import require_remotes
from gitexp.text.schema import near

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress, Watch

SHOWN = 3
EMPTY_FILE = "xxh128:99aa06d3014798d86001c324468d497f"


class Sent(NamedTuple):
    """What went to a remote. Sentences: `failures`, on what it did not take, `absent`, on bytes that are not here,
    `withheld`, on what may not go there."""

    remote: RemoteSettings
    sent: int
    already_there: int
    size_bytes: int
    failures: Sequence[str]
    absent: Sequence[str]
    withheld: Sequence[str]


class _Label(NamedTuple):
    """What an object is to people: part of what, and under which name."""

    what: str
    name: str


class _Load:
    """What is to be sent, while it is put together."""

    def __init__(self, clone: Clone, remote: RemoteSettings) -> None:
        self.clone, self.place, self.remote = clone, clone.place, remote
        self.labels: dict[str, _Label] = {}
        self.elsewhere: dict[str, Path] = {}  # digest → a file outside of the store that should have it
        self.forbidden: set[str] = set()  # digests of restricted data that may not go there
        self.absent: list[str] = []
        self.withheld: list[str] = []
        self._forbid_pinned()

    def _forbid_pinned(self) -> None:
        """What the catalogue pins and holds back may also be an artifact, or a dataset by another name."""
        for ref in self.clone.config.datasets.values():
            if ref.digest is not None and not _may_go(ref, self.remote):
                try:
                    manifest = self.place.store.read_bytes(ref.digest)
                    self.forbidden |= {Digest.xxh128(entry.digest) for entry in parse_manifest(manifest)}
                except GitexpError:
                    self.forbidden.add(ref.digest)  # not here, so its files are not known

    def find(self, digest: str) -> Path | None:
        """The file that should have these bytes here; whoever sends it sees whether it does."""
        stored = self.place.store.path_of(digest)
        if stored.is_file():
            return stored
        path = self.elsewhere.get(digest)
        return path if path is not None and path.is_file() else None

    def add_dataset(self, manifest: bytes, *, what: str, path: str | None, keyed: str | None = None) -> None:
        """Send a dataset: its files, from the store or from where they lie, then its manifest."""
        place = self.place.lies_at(path)
        folder = place if place is None or place.is_dir() else place.parent
        for entry in parse_manifest(manifest):
            digest = Digest.xxh128(entry.digest)
            self.labels.setdefault(digest, _Label(what, display(entry.path)))
            if folder is not None:
                self.elsewhere.setdefault(digest, folder / os.fsdecode(entry.path))
        self.place.store.put_bytes(manifest)
        self.labels.setdefault(dataset_digest(manifest), _Label(what, "its manifest"))
        if keyed is not None:
            self.place.store.put_keyed(manifest, digest=keyed)
            self.labels.setdefault(keyed, _Label(what, "its manifest"))

    def withhold(self, name: str, manifest: bytes | None) -> None:
        """Send no byte of a restricted dataset, whatever else needs it."""
        words = f"dataset {name} is restricted, and its entry does not list {self.remote.name}"
        if words not in self.withheld:
            self.withheld.append(words)
        if manifest is not None:
            self.forbidden.add(dataset_digest(manifest))
            self.forbidden |= {Digest.xxh128(entry.digest) for entry in parse_manifest(manifest)}

    def send(self, watch: Watch) -> Sent:
        """Bring it all there."""
        with watch(f"sending to {self.remote.name}") as progress:
            return self._sent(progress)

    def _sent(self, progress: Progress) -> Sent:
        self._leave_out_forbidden()
        remote = open_remote(self.remote, root=self.place.root)
        hidden = any(Digest(digest).keyed for digest in self.labels)
        lab_key = self.place.key() if hidden else None
        report = send_objects(remote, list(self.labels), self.find, progress, lab_key=lab_key)
        failures = list(report.failures)
        sent, size_bytes = report.sent, report.size_bytes
        healed = [failure.key for failure in failures if failure.kind == "local" and self._healed(failure.key)]
        if healed:
            again = send_objects(remote, healed, self.find, progress, lab_key=lab_key)
            failures = [failure for failure in failures if failure.key not in healed] + list(again.failures)
            sent, size_bytes = sent + again.sent, size_bytes + again.size_bytes
        names = {digest: f"{label.what}: {label.name}" for digest, label in self.labels.items()}
        return Sent(
            self.remote,
            sent,
            report.already_there,
            size_bytes,
            by_cause([(failure.key, failure.words) for failure in failures if failure.kind != "local"], names),
            [*self.absent, *self._not_here([failure for failure in failures if failure.kind == "local"])],
            self.withheld,
        )

    def _healed(self, digest: str) -> bool:
        """Whether a damaged object of the store was replaced by the bytes that lie where the dataset does."""
        path, store = self.elsewhere.get(digest), self.place.store
        if path is None or not store.has(digest) or store.is_whole(digest):
            return False
        try:
            if not name_of(digest).fits(digest_file(os.fsencode(path)).digest):
                return False
            store.remove(digest)
            return store.put(path, digest=digest)
        except (OSError, GitexpError):
            return False

    def _leave_out_forbidden(self) -> None:
        self.forbidden.discard(EMPTY_FILE)  # tells nothing, and many datasets have one
        for digest in sorted(self.forbidden & self.labels.keys()):
            label = self.labels.pop(digest)
            if label.name != "its manifest":
                self.withheld.append(f"{label.what}: {label.name} has the bytes of restricted data")

    def _not_here(self, lacking: Sequence[Failure]) -> list[str]:
        """A sentence for each dataset, and for the artifacts, of which bytes are gone or are others by now."""
        grouped: dict[str, list[str]] = {}
        for failure in lacking:
            label = self.labels[failure.key]
            grouped.setdefault(label.what, []).append(label.name)
        sentences = []
        for what, names in grouped.items():
            more = and_more(len(names), SHOWN)
            count = counted(len(names), "object is", "objects are")
            sentences.append(f"{what}: {count} not here, or changed: {', '.join(names[:SHOWN])}{more}")
        return sentences


def choose_remote(config: Config, asked: str | None) -> RemoteSettings:
    """The remote asked for, else the first of gitexp.toml. Raises GitexpError: there is none, nobody approved it."""
    if config.remotes and (asked is None or asked in config.remotes):
        remote = config.remotes[asked or next(iter(config.remotes))]
        require_remotes([remote], sending=True)
        return remote
    fix = 'add to gitexp.toml:\n[remotes.lab]\nurl = "s3://bucket/lab"'
    if asked is None:
        raise GitexpError("gitexp.toml names no remote for bytes", fix=fix)
    raise GitexpError(
        f"There is no [remotes.{asked}] in gitexp.toml"
        + (near(asked, config.remotes) or (f"; there are {', '.join(config.remotes)}" if config.remotes else "")),
        fix="" if config.remotes else fix,
    )


def send_runs(clone: Clone, runs: Sequence[str], *, remote: RemoteSettings, watch: Watch) -> Sent:
    """Send what these runs need. Raises GitexpError where the remote cannot be opened at all."""
    load = _Load(clone, remote)
    with ObjectReader(clone.repo) as reader:
        needs = needed(reader, runs)
        for need in needs.datasets:
            try:
                _add_need(load, reader, need, runs)
            except GitexpError as error:  # a record of a stranger's stands in nobody's way
                load.absent.append(f"dataset {need.record.name}: {error.what}")
    for digest, file in needs.files.items():
        load.labels.setdefault(digest, _Label("artifacts" if file.kind == "artifact" else "histories", file.name))
    return load.send(watch)


def send_datasets(manifests: Mapping[str, bytes], *, clone: Clone, remote: RemoteSettings, watch: Watch) -> Sent:
    """Send datasets of the catalogue, by name, whose files the store has."""
    config, place, load = clone.config, clone.place, _Load(clone, remote)
    for name, manifest in manifests.items():
        ref = config.datasets[name]
        if not _may_go(ref, remote):
            load.withhold(name, manifest)
            continue
        keyed = place.keyed(dataset_digest(manifest)) if is_hidden(ref, config) else None
        load.add_dataset(manifest, what=f"dataset {name}", path=ref.path, keyed=keyed)
    return load.send(watch)


def _may_go(ref: DatasetRef, remote: RemoteSettings) -> bool:
    return ref.access != "restricted" or remote.name in ref.remotes


def _manifest(load: _Load, reader: ObjectReader, need: DatasetNeed, runs: Sequence[str]) -> bytes | None:
    """The manifest of what a run read; None: no record of these runs has it, nor, of hidden data, the store."""
    if need.hidden:
        store = load.place.store
        return store.path_of(need.digest).read_bytes() if store.has(need.digest) else None
    name, digest = need.record.name, need.digest
    found = manifest_at(reader, need.commit, name, digest=digest)
    return found if found is not None else manifest_among(load.clone.repo, reader, runs, name, digest=digest)


def _add_need(load: _Load, reader: ObjectReader, need: DatasetNeed, runs: Sequence[str]) -> None:
    record, manifest = need.record, _manifest(load, reader, need, runs)
    ref = load.clone.config.datasets.get(record.entry or record.name)
    # Restricted is what was so when it ran, and what is so by now.
    restricted = record.access == "restricted" or (ref is not None and ref.access == "restricted")
    if restricted and (ref is None or load.remote.name not in ref.remotes):
        return load.withhold(record.entry or record.name, manifest)
    if manifest is None:
        raise GitexpError("its manifest is not here")
    if need.hidden and load.place.keyed(dataset_digest(manifest)) != need.digest:
        raise GitexpError("it was recorded under another key than gitexp.key has now")
    if need.hidden or not is_in_code(reader, need, parse_manifest(manifest)):
        keyed = need.digest if need.hidden else None
        load.add_dataset(manifest, what=f"dataset {record.name}", path=record.path, keyed=keyed)
    return None
