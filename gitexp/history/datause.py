"""Which runs used which bytes: datasets by digest or name, single files by theirs, artifacts. Reads git alone.

What several runs share (data.toml, manifests) is read once, however many runs there are; ids are asked for in one go.
Records may come from anybody: what is damaged was used by nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.branch import find_tips, tip_to_read
from gitexp.git.objectreader import BLOCK, ObjectReader
from gitexp.git.repo import Repo, output
from gitexp.history.listing import Runs
from gitexp.history.read import parse_tree, parts_of
from gitexp.history.row import Row
from gitexp.record.datarecord import DatasetRecord, load_data
from gitexp.record.digests import Digest
from gitexp.record.manifest import SHA256, XXH128, Algorithm, Entry, dataset_digest, display, parse_manifest
from gitexp.text.bounded import LARGEST, Unreadable

SHORTEST = 6  # digits of a digest that are enough, where they are unique
_HEX = "0123456789abcdef"


class Use(NamedTuple):
    """A dataset that a run read."""

    row: Row
    record: DatasetRecord


class Hit(NamedTuple):
    """Bytes that a run used. `role`: dataset, file (of a dataset) or artifact; `name`: the dataset, or the artifact."""

    row: Row
    digest: str  # with its algorithm
    role: str
    name: str
    path: str | None = None  # of a file in the dataset


class Wanted(NamedTuple):
    """A digest as somebody typed it, whole or its beginning. `algorithm` None: any."""

    algorithm: str | None
    digits: str

    def fits(self, digest: str) -> bool:
        """Whether a digest with its algorithm may be the one that is meant."""
        asked = Digest(digest)
        return self.algorithm in (None, asked.algorithm) and asked.digits.startswith(self.digits)


def wanted_digest(text: str) -> Wanted:
    """What is meant by `xxh128:8f3a…`, `8f3a…` or `8f3ab2`. Raises GitexpError."""
    typed = Digest(text.strip().lower().rstrip("…."))
    algorithm, digits = typed.algorithm, typed.digits
    longest = Digest.lengths.get(algorithm, 0 if algorithm else max(Digest.lengths.values()))
    if not longest or digits.strip(_HEX) or not SHORTEST <= len(digits) <= longest:
        raise GitexpError(
            f"{text!r} is no digest",
            why=f'A digest is "xxh128:" and 32 hexadecimal digits; the first {SHORTEST} are enough where unique.',
            fix="gitexp data history NAME    lists the digests of a dataset",
        )
    return Wanted(algorithm or None, digits)


def uses(repo: Repo, reader: ObjectReader, rows: Sequence[Row]) -> Iterator[Use]:
    """Every dataset that these runs read, in their order."""
    parsed: dict[str, Mapping[str, DatasetRecord]] = {}
    for row, oid in zip(rows, object_ids(repo, [f"{row.commit}:data.toml" for row in rows]), strict=True):
        if oid is None:
            continue
        if oid not in parsed:
            parsed[oid] = _records(reader.read(oid, limit=LARGEST))
        for record in parsed[oid].values():
            yield Use(row, record)


def uses_of(repo: Repo, reader: ObjectReader, rows: Sequence[Row], name: str) -> list[Use]:
    """The uses of a dataset by its name in the catalogue, or in the recipe."""
    return [use for use in uses(repo, reader, rows) if name in (use.record.entry, use.record.name)]


def find_bytes(repo: Repo, reader: ObjectReader, rows: Sequence[Row], wanted: Sequence[Wanted]) -> list[Hit]:
    """Where runs used the bytes of these digests: as a dataset, as a file of one, as an artifact. In order of the rows.

    Costs one look at each distinct manifest: a few seconds where they have gigabytes.
    """
    hits = [
        Hit(use.row, digest, "dataset", use.record.name)
        for use in uses(repo, reader, rows)
        for digest in (use.record.digest, use.record.sha256)
        if digest is not None and any(one.fits(digest) for one in wanted)
    ]
    searched = _Searched(reader, wanted)
    asked = [f"{row.commit}:{part}" for row in rows for part in ("artifacts.xxh128", "data")]
    ids = iter(object_ids(repo, asked))
    for row in rows:
        artifacts, data = next(ids), next(ids)
        for entry in searched.manifest(artifacts, XXH128) if artifacts is not None else ():
            hits.append(Hit(row, Digest.xxh128(entry.digest), "artifact", display(entry.path)))
        for name, algorithm, oid in searched.manifests_in(data) if data is not None else ():
            for entry in searched.manifest(oid, algorithm):
                hits.append(Hit(row, f"{algorithm.name}:{entry.digest}", "file", name, display(entry.path)))
    place = {row.commit: number for number, row in enumerate(rows)}
    return sorted(hits, key=lambda hit: place[hit.row.commit])


def manifest_at(reader: ObjectReader, commit: str, name: str, *, digest: str) -> bytes | None:
    """The manifest of a dataset in a run's record, its parts joined; None where it is not there or is not `digest`."""
    found = reader.find(f"{commit}:data/{name}.xxh128")
    if found is None or found[1] is None:
        return None
    manifest = b"".join(reader.read(part) or b"" for part in parts_of(found[1], len(commit) // 2)) or found[1]
    return manifest if dataset_digest(manifest) == digest else None


def manifest_blocks(reader: ObjectReader, commit: str, name: str) -> Iterator[bytes]:
    """The same in pieces of whole lines, whatever it is; nothing where it is not there."""
    found = reader.find(f"{commit}:data/{name}.xxh128", limit=BLOCK << 4)
    if found is not None:
        for oid in parts_of(found[1] or b"", len(commit) // 2) or [found[0]]:
            yield from reader.blocks(oid)


def manifest_among(repo: Repo, reader: ObjectReader, commits: Iterable[str], name: str, *, digest: str) -> bytes | None:
    """The manifest of a dataset from the first of these records that holds it whole: others may be forged."""
    runs, tried = list(commits), set[str]()
    for commit, oid in zip(runs, object_ids(repo, [f"{commit}:data/{name}.xxh128" for commit in runs]), strict=True):
        if oid is not None and oid not in tried:
            tried.add(oid)
            manifest = manifest_at(reader, commit, name, digest=digest)
            if manifest is not None:
                return manifest
    return None


class Lacking(Exception):
    """This clone does not have all of a record's objects: it is a partial one, or damaged."""


def part_as_it_is(reader: ObjectReader, commit: str, part: str) -> bytes:
    """The bytes of a record's file, or of the parts in a folder of that name, whatever they are; none where it has
    none, or one that no honest record has. Raises Lacking."""
    found = reader.find(f"{commit}^{{tree}}")
    for name in part.split("/"):
        if found is None:
            raise Lacking
        below = parse_tree(found[1] or b"", id_bytes=len(commit) // 2)
        if name not in below:
            return b""
        found = reader.find(below[name])
    if found is None:
        raise Lacking
    parts = parts_of(found[1] or b"", len(commit) // 2)
    contents = [reader.find(oid) for oid in parts] if parts else [found]
    if None in contents:
        raise Lacking
    return b"".join(one[1] or b"" for one in contents if one is not None)


def manifest_of(repo: Repo, reader: ObjectReader, *, branch: str, digest: str) -> bytes | None:
    """The manifest with this digest, from any run on the branch (or on the remote's that stands for it)."""
    tip = tip_to_read(find_tips(repo, branch), remote=repo.settings.get("gitexp.remote"))
    tried = set[str]()
    for use in uses(repo, reader, Runs(repo, tip, reader=reader).all()):
        if use.record.digest == digest:
            found = reader.find(f"{use.row.commit}:data/{use.record.name}.xxh128")
            if found is not None and found[0] not in tried:
                tried.add(found[0])
                manifest = manifest_at(reader, use.row.commit, use.record.name, digest=digest)
                if manifest is not None:
                    return manifest
    return None


class _Searched:
    """Manifests by object id, each read and searched once. The lines that were looked for are kept, nothing else."""

    def __init__(self, reader: ObjectReader, wanted: Sequence[Wanted]) -> None:
        self._reader = reader
        self._wanted = wanted
        self._entries: dict[tuple[str, Algorithm], Sequence[Entry]] = {}
        self._folders: dict[str, list[tuple[str, Algorithm, str]]] = {}

    def manifests_in(self, folder: str) -> list[tuple[str, Algorithm, str]]:
        """Dataset, algorithm and object id of each manifest in a record's `data` folder."""
        if folder not in self._folders:
            tree = parse_tree(self._reader.read(folder) or b"", id_bytes=len(folder) // 2)
            self._folders[folder] = [
                (name.removesuffix(f".{algorithm.name}"), algorithm, oid)
                for name, oid in tree.items()
                for algorithm in (XXH128, SHA256)
                if name.endswith(f".{algorithm.name}")
            ]
        return self._folders[folder]

    def manifest(self, oid: str, algorithm: Algorithm) -> Sequence[Entry]:
        """The entries of a manifest, or of its parts, whose digest is wanted."""
        key = (oid, algorithm)
        if key not in self._entries:
            content = self._reader.read(oid) or b""
            parts = parts_of(content, len(oid) // 2)
            self._entries[key] = (
                [entry for part in parts for entry in self.manifest(part, algorithm)]
                if parts
                else list(self._lines(content, algorithm))
            )
        return self._entries[key]

    def _lines(self, manifest: bytes, algorithm: Algorithm) -> Iterator[Entry]:
        for one in self._wanted:
            if one.algorithm not in (None, algorithm.name):
                continue
            for mark in (b"", b"\\"):  # of a line whose path is escaped
                for at in _line_starts(manifest, mark + one.digits.encode()):
                    end = manifest.find(b"\n", at) + 1 or len(manifest)
                    try:
                        yield from parse_manifest(manifest[at:end], algorithm=algorithm)
                    except Unreadable:
                        continue


def _line_starts(content: bytes, beginning: bytes) -> Iterator[int]:
    """Where lines that begin like this start."""
    if content.startswith(beginning):
        yield 0
    at = -1
    while (at := content.find(b"\n" + beginning, at + 1)) >= 0:
        yield at + 1


def _records(content: bytes | None) -> Mapping[str, DatasetRecord]:
    if content is None:
        return {}
    try:
        return load_data(content.decode())
    except (GitexpError, UnicodeDecodeError):
        return {}


def object_ids(repo: Repo, names: Iterable[str]) -> list[str | None]:
    """The object id of each name; None where there is no such object."""
    feed = "".join(f"{name}\n" for name in names).encode()
    if not feed:
        return []
    listing = output(repo, "cat-file", "--batch-check=%(objectname)", feed=feed).decode("utf-8", "replace")
    return [None if " " in line else line for line in listing.removesuffix("\n").split("\n")]
