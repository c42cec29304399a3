"""Hold the code of runs that are about to be pushed against restricted data, and refuse to publish any of it.

Looked at is every file below `code/` that is not in the commit before, by its place and by its bytes.
Restricted is what the catalogue says is so, and what was so when a run read it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitexp.clone import Clone
from gitexp.datasets.place import Place
from gitexp.datasets.restricted import RestrictedBytes
from gitexp.errors import GitexpError, Refused, beyond, counted
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo, output
from gitexp.history.datause import manifest_at
from gitexp.record.datarecord import DatasetRecord, load_data
from gitexp.record.manifest import display

SHOWN = 20
POINTER = b"version https://git-lfs.github.com/spec/"
FILES = (b"100644", b"100755")  # of a link git keeps where it points to, of a submodule which commit it is at


class Looked(NamedTuple):
    """What was looked at, and found free. `unknown`: datasets of which only the place could be looked at."""

    files: int
    runs: int
    datasets: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The same as lines for people."""
        files = counted(self.files, "file")
        lines = [f"restricted data ({', '.join(self.datasets)}): looked at {files} of the code of new runs"]
        if self.unknown:
            lines.append(f"  {', '.join(self.unknown)}: not all bytes are known here, so its place was looked at")
        return lines


class _Blob(NamedTuple):
    """A file of code/, at one of its places."""

    oid: str
    size: int
    path: str  # below code/


def check_published(clone: Clone, runs: Sequence[str]) -> Looked | None:
    """Raises Refused where the code of these runs (commits) holds restricted data. None: there is no such data."""
    repo, place = clone.repo, clone.place
    restricted = [ref for ref in clone.config.datasets.values() if ref.access == "restricted"]
    with ObjectReader(repo) as reader:
        recorded = list(_recorded(reader, runs))
        if not restricted and not recorded:
            return None
        known = RestrictedBytes(restricted, place)
        for commit, record in recorded:
            _add_recorded(known, reader, place, commit, record)
        blobs = _blobs(repo, runs)
        held = [(blob, why) for blob in blobs if (why := _held(known, reader, blob)) is not None]
        names = tuple(
            dict.fromkeys([ref.name for ref in restricted] + [record.entry or record.name for _, record in recorded])
        )
        looked = Looked(len({blob.oid for blob in blobs}), len(runs), names, tuple(dict.fromkeys(known.unknown)))
        if held:
            raise _refusal(reader, runs, held, looked, branch=clone.config.branch)
    return looked


def _recorded(reader: ObjectReader, runs: Sequence[str]) -> Iterator[tuple[str, DatasetRecord]]:
    """The restricted data that these runs read, each once."""
    met = set[str | None]()
    for commit, found in zip(runs, reader.find_many(f"{commit}:data.toml" for commit in runs), strict=True):
        if found is None or found[1] is None or found[0] in met or b"restricted" not in found[1]:
            continue
        met.add(found[0])
        try:
            records = load_data(found[1].decode()).values()
        except (GitexpError, UnicodeDecodeError):  # a stranger's record stands in nobody's way
            continue
        for record in records:
            if record.access == "restricted" and record.digest not in met:
                met.add(record.digest)
                yield commit, record


def _add_recorded(
    known: RestrictedBytes, reader: ObjectReader, place: Place, commit: str, record: DatasetRecord
) -> None:
    """A dataset as a record states it: anybody may have written that, so nothing is read where it says."""
    if record.path is not None and "\0" not in record.path and os.path.normpath(record.path) != ".":
        known.add_place(record.entry or record.name, record.path)
    digest = record.digest or ""
    try:
        manifest = manifest_at(reader, commit, record.name, digest=digest) or place.store.read_bytes(digest)
        known.add_manifest(record.entry or record.name, manifest)
    except (GitexpError, OSError):
        known.unknown.append(record.entry or record.name)


def _blobs(repo: Repo, runs: Sequence[str]) -> list[_Blob]:
    """The files of code/ in which these runs differ from the commits before them, each at every place that it has."""
    feed = "".join(f"{commit}\n" for commit in runs).encode()
    flags = ("--stdin", "--no-commit-id", "-r", "--root", "--raw", "--no-abbrev", "--no-renames", "-z")
    fields = output(repo, "diff-tree", *flags, "--", "code", feed=feed).split(b"\0")
    places = set[tuple[str, str]]()
    for change, path in zip(fields[0::2], fields[1::2], strict=False):
        mode, oid = change.split(b" ")[1:4:2]
        if mode in FILES:
            places.add((oid.decode(), os.fsdecode(path).removeprefix("code/")))
    oids = sorted({oid for oid, _ in places})
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    sizes = output(repo, "cat-file", "--batch-check=%(objectsize)", feed=asked).splitlines()
    size_of = {oid: int(size) for oid, size in zip(oids, sizes, strict=True) if size.isdigit()}  # else it is not here
    return [_Blob(oid, size_of[oid], path) for oid, path in sorted(places, key=lambda at: at[1]) if oid in size_of]


def _held(known: RestrictedBytes, reader: ObjectReader, blob: _Blob) -> str | None:
    """Why this file may not be published; None: it may."""
    dataset = known.at(blob.path)
    if dataset is not None:
        content = reader.read(blob.oid) if blob.size < 1 << 12 else None
        return f"dataset {dataset}" if blob.size and not (content or b"").startswith(POINTER) else None
    owner = known.owner(blob.size, lambda: _digest(reader, blob), thorough=True)
    return None if owner is None else f"the bytes of {owner.file}, dataset {owner.dataset}"


def _digest(reader: ObjectReader, blob: _Blob) -> str:
    from xxhash import xxh3_128

    state = xxh3_128()
    for block in reader.blocks(blob.oid):
        state.update(block)
    return str(state.hexdigest())


def _refusal(
    reader: ObjectReader, runs: Sequence[str], held: Sequence[tuple[_Blob, str]], looked: Looked, *, branch: str
) -> Refused:
    lines, concerned = [], set[str]()
    for blob, why in held[:SHOWN]:
        asked = reader.find_many(f"{commit}:code/{blob.path}" for commit in runs)
        having = [
            commit for commit, found in zip(runs, asked, strict=True) if found is not None and found[0] == blob.oid
        ]
        concerned |= set(having)
        which = f"{having[-1][:7]}:" if having else ""
        more = f" and in {len(having) - 1} later" if len(having) > 1 else ""
        lines.append(f"  {which}code/{display(os.fsencode(blob.path))}  ({why}){more}")
    lines += beyond(len(held), SHOWN)
    count = counted(len(concerned), "run holds", "runs hold")
    return Refused(
        f"Nothing was pushed: the code of {count} restricted data",
        details=[*lines, *looked.words],
        why="What is pushed is in everybody's clone. Records are never rewritten, so this branch stays here.",
        fix=f"git config gitexp.branch {branch}-2 && gitexp init    runs from now on go there, and can be pushed",
    )
