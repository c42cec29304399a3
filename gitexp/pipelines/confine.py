"""Hold the code of runs that are about to be pushed against restricted data, and refuse to publish any of it.

Looked at is every new file below `code/`, by its place and by its bytes.
Restricted is what the catalogue says is so, and what was so when a run read it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gitexp.clone import Clone
from gitexp.datasets.digest import digest_blocks
from gitexp.datasets.place import Place
from gitexp.datasets.restricted import RestrictedBytes
from gitexp.errors import GitexpError, Refused, beyond, counted
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import AS_IT_IS
from gitexp.history.datause import manifest_at
from gitexp.pipelines.published import CODE, NewFile, Publication, holders
from gitexp.record.datarecord import DatasetRecord, load_data
from gitexp.record.manifest import display

SHOWN = 20
POINTER = b"version https://git-lfs.github.com/spec/"


class Looked(NamedTuple):
    """What was looked at, and found free. `unknown`: datasets of which only the place could be looked at."""

    files: int
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


def check_restricted(clone: Clone, new: Publication) -> list[str]:
    """What was looked at, in words; none where there is no such data. Raises Refused where new code holds any."""
    repo, place, runs = clone.repo, clone.place, new.runs
    restricted = [ref for ref in clone.config.datasets.values() if ref.access == "restricted"]
    with ObjectReader(repo, env=AS_IT_IS) as reader:
        recorded = list(_recorded(reader, runs))
        if not restricted and not recorded:
            return []
        known = RestrictedBytes(restricted, place)
        for commit, record in recorded:
            _add_recorded(known, reader, place, commit, record)
        files = [file for file in new.files if file.path.startswith(CODE) and not file.is_link]
        held = [(file, why) for file in files if (why := _held(known, reader, file)) is not None]
        names = tuple(
            dict.fromkeys([ref.name for ref in restricted] + [record.entry or record.name for _, record in recorded])
        )
        looked = Looked(len({file.oid for file in files}), names, tuple(dict.fromkeys(known.unknown)))
        if held:
            raise _refusal(reader, runs, held, looked, branch=clone.config.branch)
    return looked.words


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


def _held(known: RestrictedBytes, reader: ObjectReader, file: NewFile) -> str | None:
    """Why this file may not be published; None: it may."""
    dataset = known.at(file.path.removeprefix(CODE))
    if dataset is not None:
        content = reader.read(file.oid) if file.size < 1 << 12 else None
        return f"dataset {dataset}" if file.size and not (content or b"").startswith(POINTER) else None
    owner = known.owner(file.size, lambda: digest_blocks(reader.blocks(file.oid)), thorough=True)
    return None if owner is None else f"the bytes of {owner.file}, dataset {owner.dataset}"


def _refusal(
    reader: ObjectReader, runs: Sequence[str], held: Sequence[tuple[NewFile, str]], looked: Looked, *, branch: str
) -> Refused:
    lines, concerned = [], set[str]()
    for file, why in held[:SHOWN]:
        having = holders(reader, runs, file)
        concerned |= {*having} or {file.commit}
        more = f" and in {len(having) - 1} later" if len(having) > 1 else ""
        lines.append(f"  {file.commit[:7]}:{display(os.fsencode(file.path))}  ({why}){more}")
    lines += beyond(len(held), SHOWN)
    count = counted(len(concerned), "run holds", "runs hold")
    another = shlex.quote(f"{branch}-2")
    return Refused(
        f"Nothing was published: the code of {count} restricted data",
        details=[*lines, *looked.words],
        why="What is pushed is in everybody's clone. As long as no remote has it, gitexp drop RUN takes a run off.",
        fix=f"git config gitexp.branch {another} && gitexp init    runs from now on go there, and can be pushed",
    )
