"""The bytes that runs need and their records do not hold: data, artifacts, whole histories, by digest. Reads git alone.

Records may come from anybody: what cannot be read needs nothing, and no digest is believed to be more than a name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import NamedTuple

from gitexp.datasets.objects.objectname import name_of
from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.record.datarecord import DatasetRecord, load_data
from gitexp.record.digests import Digest
from gitexp.record.manifest import ALGORITHM, Entry, display, parse_blocks, parse_manifest
from gitexp.spec.catalogue import dataset_name
from gitexp.text.bounded import LARGEST, Unreadable, load_tables

_ARTIFACTS = "artifacts.xxh128"
_PARTS = ("data.toml", _ARTIFACTS, "run.toml")


class DatasetNeed(NamedTuple):
    """A dataset that runs read, and the first run that it was met in."""

    commit: str
    record: DatasetRecord

    @property
    def digest(self) -> Digest:
        """`xxh128:…`, or `hmac-sha256:…` where the manifest is not recorded."""
        assert self.record.digest is not None
        return self.record.digest

    @property
    def hidden(self) -> bool:
        """Whether the record tells neither its digest nor its manifest."""
        return self.digest.keyed


class FileNeed(NamedTuple):
    """A file that runs wrote: an artifact, or the whole of a history that the record holds a sample of."""

    kind: str  # artifact, history
    name: str


class Needed(NamedTuple):
    """Files by their digest, and datasets: each version once for each place and access that it was recorded with.

    What is not known: parts of records (commit and name) that are not there, and those that make no sense.
    """

    files: dict[str, FileNeed]
    datasets: list[DatasetNeed]
    absent: list[tuple[str, str]]
    damaged: list[tuple[str, str]]


def needed(reader: ObjectReader, commits: Iterable[str], *, parts: Sequence[str] = _PARTS) -> Needed:
    """What these runs need, by these parts of their records. A part that several runs share is read once."""
    files: dict[str, FileNeed] = {}
    datasets: dict[tuple[str | None, ...], DatasetNeed] = {}
    met = set[str]()
    absent: list[tuple[str, str]] = []
    damaged: list[tuple[str, str]] = []
    runs = list(commits)
    asked = (f"{commit}:{part}" for commit in runs for part in parts)
    large: list[tuple[str, str]] = []
    for number, answer in enumerate(reader.find_many(asked, limit=LARGEST)):
        commit, part = runs[number // len(parts)], parts[number % len(parts)]
        if answer is None:
            absent.append((commit, part))
            continue
        if answer[0] in met:
            continue
        met.add(answer[0])
        if answer[1] is None and part == _ARTIFACTS:
            large.append((commit, answer[0]))
            continue
        if answer[1] is None:  # too long to be honest
            damaged.append((commit, part))
            continue
        try:
            if part == "data.toml":
                for one in _datasets(commit, answer[1]):
                    of = one.record
                    datasets.setdefault((of.digest, of.name, of.entry, of.path, of.access), one)
            elif part == _ARTIFACTS:
                files.update(_files(parse_manifest(answer[1]), files))
            else:
                for digest in sampled_history(answer[1]):
                    files.setdefault(digest, FileNeed("history", "history.csv"))
        except (GitexpError, UnicodeDecodeError):
            damaged.append((commit, part))
    for commit, oid in large:
        try:
            files.update(_files(parse_blocks(reader.blocks(oid)), files))
        except GitexpError:
            damaged.append((commit, _ARTIFACTS))
    return Needed(files, list(datasets.values()), absent, damaged)


def _files(entries: Iterable[Entry], known: Container[str]) -> Iterator[tuple[str, FileNeed]]:
    for entry in entries:
        if (digest := f"{ALGORITHM}:{entry.digest}") not in known:
            yield digest, FileNeed("artifact", display(entry.path))


def _datasets(commit: str, data_toml: bytes) -> Iterator[DatasetNeed]:
    for record in load_data(data_toml.decode()).values():
        if record.digest is not None and _is_digest(record.digest) and dataset_name(record.name) is None:
            yield DatasetNeed(commit, record)


def _is_digest(text: str) -> bool:
    try:
        return name_of(text).digest == text
    except GitexpError:
        return False


def sampled_history(run_toml: bytes) -> Iterator[str]:
    """The digest of the whole history, where the record holds only a sample of it."""
    _, there, rest = run_toml.partition(b"\n[history]\n")
    if not there:
        return
    try:
        history = load_tables(rest.partition(b"\n[")[0].decode(), where="[history]")
    except (Unreadable, UnicodeDecodeError):
        return
    rows, kept, digest = (history.get(key) for key in ("rows", "kept", "digest"))
    is_sample = isinstance(rows, int) and isinstance(kept, int) and kept < rows
    if is_sample and isinstance(digest, str) and digest.startswith(f"{ALGORITHM}:") and _is_digest(digest):
        yield digest


def is_in_code(reader: ObjectReader, need: DatasetNeed, entries: Sequence[Entry]) -> bool:
    """Whether git itself holds all of a dataset's bytes, as files of the code that ran (not as pointers to them)."""
    # The first one alone tells most that are not; a reader's answers must be used up, so the rest is all or none.
    return all(
        sum(content is None for _, content in from_code(reader, need, some)) == 0 for some in (entries[:1], entries[1:])
    )


def from_code(
    reader: ObjectReader, need: DatasetNeed, entries: Iterable[Entry]
) -> Iterator[tuple[Entry, bytes | None]]:
    """Each file with its bytes, as far as the code that ran holds them; None: it does not, or they are others there."""
    from xxhash import xxh3_128_hexdigest

    path = posixpath.normpath(need.record.path or "/")
    there = None if path.startswith(("/", "..")) else reader.find(f"{need.commit}:code/{path.removeprefix('.')}")
    if there is None:
        yield from ((entry, None) for entry in entries)
        return
    # The dataset is that file itself, or a folder, or everything.
    lone, asked = there[1], list(entries)
    lone_digest = xxh3_128_hexdigest(lone) if lone is not None else None
    below = "" if path == "." else f"{path}/"
    names = (f"{need.commit}:code/{below}{entry.path.decode('utf-8', 'surrogateescape')}" for entry in asked)
    for entry, found in zip(asked, reader.find_many(names), strict=True):
        content = found[1] if found is not None else None
        if content is not None and xxh3_128_hexdigest(content) == entry.digest:
            yield entry, content
        elif lone_digest == entry.digest:
            yield entry, lone
        else:
            yield entry, None
