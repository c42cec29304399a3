"""From all runs that any ref reaches to the stored objects that none of them needs.

Kept are the bytes of every run on every branch, remote-tracking ones and reflogs included, and of runs that are going
on, of every version that the catalogue pins, and all that is younger than two weeks: somebody may be about to use it.

A record that is forged or damaged, which it will be for ever, stands in nobody's way: what it lists is kept, be it
nonsense. Where this clone lacks a part of a record (it is a partial one), nothing is removed: that part may be honest.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp import runfolder
from gitexp.clone import Clone
from gitexp.datasets.place import STORE, Place
from gitexp.errors import GitexpError, Refused, beyond
from gitexp.git.objectreader import ObjectReader
from gitexp.git.trailers import commits_with
from gitexp.history.datause import Lacking, manifest_among, manifest_blocks, object_ids, part_as_it_is
from gitexp.history.needed import DatasetNeed, needed
from gitexp.record.datarecord import load_data
from gitexp.record.digests import Digest
from gitexp.record.identity import RUN_TRAILER
from gitexp.record.manifest import ALGORITHM, dataset_digest, line_blocks
from gitexp.removal import remove_tree

YOUNG_S = 14 * 86_400
SHOWN = 20


class Prunable(NamedTuple):
    """Objects by their digest with their sizes: those that nobody needs, and how many stay."""

    unneeded: Mapping[Digest, int]
    young: int  # not needed either, but stored in the last two weeks
    kept: int
    damaged: tuple[str, ...]  # sentences: what is known in part, because a record is damaged or forged
    lacking: tuple[str, ...]  # sentences: what is not known, because this clone lacks a part of a record


def find_prunable(clone: Clone, *, now: float) -> Prunable:
    """What the store holds and no run needs. Removes nothing. `now`: seconds since the epoch."""
    there = list(clone.place.store.objects())
    # Of a million lines that a record may list, those are kept in mind that the store has.
    wanted = _Wanted({stored.digest for stored in there}, clone)
    wanted.look()
    unneeded, young, kept = {}, 0, 0
    for stored in there:
        if stored.digest in wanted.found:
            kept += 1
        elif now - stored.stored_at < YOUNG_S:
            young += 1
        else:
            unneeded[stored.digest] = stored.size_bytes
    return Prunable(unneeded, young, kept, tuple(wanted.damaged), tuple(wanted.lacking))


def prune(clone: Clone) -> Prunable:
    """Remove it. Raises Refused for a store that others may use, and where not everything that is needed is known."""
    place = clone.place
    if not place.store_folder.resolve().is_relative_to(place.common_dir.resolve()):
        raise Refused(
            f"{place.store_folder} may hold what other clones need, so nothing is removed from it",
            why=f"git config {STORE} names it; this clone knows only of its own runs.",
            fix="gitexp data gc --dry-run    (to see what this clone does not need)",
        )
    found = find_prunable(clone, now=time.time())
    if found.lacking:
        more = beyond(len(found.lacking), SHOWN)
        raise GitexpError(
            "Nothing is removed, because this clone lacks parts of some records",
            details=[*(f"  {sentence}" for sentence in found.lacking[:SHOWN]), *more],
            why="What these runs need is not known without them.",
            fix="gitexp pull    or    git fetch --refetch    (git fsck says what is damaged), then again",
        )
    for digest in found.unneeded:
        place.store.remove(digest)
        # What was laid out of it, too: its files are second names of the objects, and keep them.
        remove_tree(place.checkouts / Digest(digest).digits)
    _sweep(place, before=time.time() - YOUNG_S)
    return found


def _sweep(place: Place, *, before: float) -> None:
    """Remove what killed commands left behind: parts of objects, and of datasets that were being laid out."""
    for path in (*place.store.leftovers(), *place.checkouts.glob(".gitexp-*")):
        try:
            if path.stat().st_mtime < before:
                remove_tree(path) if path.is_dir() else path.unlink()
        except OSError:
            continue  # continued meanwhile, or done


class _Wanted:
    """Digests of objects in the store that something needs, and in sentences what could not be found out."""

    def __init__(self, there: set[str], clone: Clone) -> None:
        self._there = there
        self._repo, self._place, self._datasets = clone.repo, clone.place, clone.config.datasets
        self.found: set[str] = set()
        self.damaged: list[str] = []
        self.lacking: list[str] = []

    def look(self) -> None:
        """Everywhere."""
        # Whatever reaches a run: branches, tags, remotes' branches, and what was reset away but is in a reflog.
        runs = commits_with(self._repo, RUN_TRAILER, "--all", "--reflog")
        with ObjectReader(self._repo) as reader:
            needs = needed(reader, runs, parts=("data.toml", "run.toml"))
            self._add(*needs.files)
            for commit, part in (*needs.absent, *needs.damaged, *self._artifacts(reader, runs)):
                self._as_it_is(reader, commit, part, f"{part} of run {commit[:7]}: it is")
            for need in needs.datasets:
                self._dataset(reader, need, runs)
        for digest, manifest in self._of_runs_going_on():
            self._with_files(digest, manifest)
        for ref in self._datasets.values():
            if ref.digest is not None:
                manifest = self._stored(ref.digest)
                if manifest is None and ref.digest.keyed and self._place.has_key:
                    plain = self._place.search(ref.digest)
                    manifest = self._stored(plain) if plain is not None else None
                elif manifest is None and ref.digest.keyed:
                    self.damaged.append(f"dataset {ref.name}: without git config gitexp.key its bytes cannot be told")
                self._with_files(ref.digest, manifest)

    def _add(self, *digests: str) -> None:
        self.found |= self._there.intersection(digests)

    def _add_listed(self, lines: bytes) -> bool:
        """All that looks like a digest at the beginning of a line: keeping too much costs nothing but space.

        Whether every line has one.
        """
        digests = _listed(lines)
        self._add(*digests)
        return len(digests) == lines.count(b"\n") and lines.endswith(b"\n")

    def _add_manifest(self, blocks: Iterable[bytes], *, digest: str) -> bool:
        """What a dataset's manifest lists, once it has proved to be the one of this digest."""
        from xxhash import xxh3_128

        hashed, listed = xxh3_128(), set[str]()
        for block in blocks:
            hashed.update(block)
            listed |= self._there.intersection(_listed(block))
        if f"{ALGORITHM}:{hashed.hexdigest()}" != digest:
            return False
        self.found |= listed
        return True

    def _artifacts(self, reader: ObjectReader, runs: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Those whose manifest is absent or damaged are left over: commit and part."""
        part, sound = f"artifacts.{ALGORITHM}", dict[str | None, bool]()
        for commit, oid in zip(runs, object_ids(self._repo, [f"{commit}:{part}" for commit in runs]), strict=True):
            if oid not in sound:
                sound[oid] = oid is not None and all([self._add_listed(block) for block in reader.blocks(oid)])
                if not sound[oid]:
                    yield commit, part

    def _dataset(self, reader: ObjectReader, need: DatasetNeed, runs: Sequence[str]) -> None:
        name = need.record.name
        self._add(need.digest)
        if not need.hidden and self._add_manifest(manifest_blocks(reader, need.commit, name), digest=need.digest):
            return
        manifest = self._stored(need.digest)
        if manifest is None and not need.hidden:
            manifest = manifest_among(self._repo, reader, runs, name, digest=need.digest)
        if manifest is None and not need.hidden:
            what = f"dataset {name} of run {need.commit[:7]}: its manifest is"
            self._as_it_is(reader, need.commit, f"data/{name}.{ALGORITHM}", what)
        self._with_files(need.digest, manifest)

    def _as_it_is(self, reader: ObjectReader, commit: str, part: str, what: str) -> None:
        try:
            content = part_as_it_is(reader, commit, part)
        except Lacking:
            self.lacking.append(f"{part} of run {commit[:7]}")
            return
        self.damaged.append(f"{what} damaged or forged; what it lists is kept")
        self._add_listed(content)

    def _of_runs_going_on(self) -> Iterator[tuple[str, bytes | None]]:
        """What runs read that are not recorded yet: digests, and their manifests."""
        for file in Path(runfolder.runs_folder(str(self._place.common_dir))).glob(f"*/{runfolder.DATA}/*"):
            try:
                if file.name == "data.toml":
                    for record in load_data(file.read_text(encoding="utf-8")).values():
                        yield record.digest or "", self._stored(record.digest or "")
                elif file.suffix == f".{ALGORITHM}":
                    manifest = file.read_bytes()
                    yield dataset_digest(manifest), manifest
            except (GitexpError, OSError, UnicodeDecodeError):
                continue  # recorded meanwhile, or of no run

    def _stored(self, digest: str) -> bytes | None:
        try:
            return self._place.store.read_bytes(digest)
        except GitexpError:
            return None

    def _with_files(self, digest: str, manifest: bytes | None) -> None:
        self._add(digest)
        if manifest is not None:
            self._add(dataset_digest(manifest))
            for block in line_blocks(manifest):
                self._add_listed(block)


def _listed(lines: bytes) -> list[str]:
    digits = re.findall(rb"^\\?([0-9a-f]{32}) ", lines, re.MULTILINE)
    return [f"{ALGORITHM}:{one.decode()}" for one in digits]
