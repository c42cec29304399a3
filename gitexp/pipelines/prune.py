"""From all runs that any ref reaches to the stored objects that none of them needs.

Kept are the bytes of every run on every branch, remote-tracking ones and reflogs included, and of runs that are going
on, of every version that the catalogue pins, and all that is younger than two weeks: somebody may be about to use it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from gitexp import runfolder
from gitexp.datasets.place import STORE, Place
from gitexp.errors import GitexpError, Refused
from gitexp.git.repo import ObjectReader, Repo, output
from gitexp.history.datause import manifest_at
from gitexp.history.needed import needed
from gitexp.model.config import Config
from gitexp.model.datarecord import load_data
from gitexp.model.manifest import ALGORITHM, dataset_digest, parse_manifest

YOUNG_S = 14 * 86_400


class Prunable(NamedTuple):
    """Objects by their digest with their sizes: those that nobody needs, and how many stay."""

    unneeded: Mapping[str, int]
    young: int  # not needed either, but stored in the last two weeks
    kept: int
    unreadable: tuple[str, ...]  # sentences: datasets whose manifest is not to be had, so that nothing is known of them


def find_prunable(repo: Repo, *, config: Config, settings: Mapping[str, str], now: float) -> Prunable:
    """What the store holds and no run needs. Removes nothing. `now`: seconds since the epoch."""
    place = Place(repo.root, repo.common_dir, settings)
    wanted: set[str] = set()
    unreadable: list[str] = []
    for digest in _needed(repo, place, config, unreadable):
        wanted.add(digest)
    unneeded, young, kept = {}, 0, 0
    for stored in place.store.objects():
        if stored.digest in wanted:
            kept += 1
        elif now - stored.stored_at < YOUNG_S:
            young += 1
        else:
            unneeded[stored.digest] = stored.size_bytes
    return Prunable(unneeded, young, kept, tuple(unreadable))


def prune(repo: Repo, *, config: Config, settings: Mapping[str, str]) -> Prunable:
    """Remove it. Raises Refused for a store that others may use, and where not everything that is needed is known."""
    place = Place(repo.root, repo.common_dir, settings)
    if not place.store_folder.resolve().is_relative_to(repo.common_dir.resolve()):
        raise Refused(
            f"{place.store_folder} may hold what other clones need, so nothing is removed from it",
            why=f"git config {STORE} names it; this clone knows only of its own runs.",
            fix="gitexp data gc --dry-run    (to see what this clone does not need)",
        )
    found = find_prunable(repo, config=config, settings=settings, now=time.time())
    if found.unreadable:
        raise GitexpError(
            "Nothing is removed, because it is not known what some runs need",
            details=[f"  {sentence}" for sentence in found.unreadable[:20]],
            fix="gitexp pull    (or git fetch), then again",
        )
    for digest in found.unneeded:
        place.store.remove(digest)
        _remove_checkout(place, digest)
    _sweep(place, before=time.time() - YOUNG_S)
    return found


def _remove_checkout(place: Place, digest: str) -> None:
    """What was laid out of a dataset that nobody needs: its files are second names of the objects, and keep them."""
    import shutil

    shutil.rmtree(place.checkouts / digest.partition(":")[2], ignore_errors=True)


def _sweep(place: Place, *, before: float) -> None:
    """Remove what killed commands left behind: parts of objects, and of datasets that were being laid out."""
    import shutil

    for path in (*place.store.leftovers(), *place.checkouts.glob(".gitexp-*")):
        try:
            if path.stat().st_mtime < before:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError:
            continue  # continued meanwhile, or done


def _needed(repo: Repo, place: Place, config: Config, unreadable: list[str]) -> Iterator[str]:
    # Whatever reaches a run: branches, tags, remotes' branches, and what was reset away but is in a reflog.
    runs = output(repo, "rev-list", "--all", "--reflog", "--grep=^Gitexp-Run: ", "--no-merges").decode().split()
    with ObjectReader(repo) as reader:
        needs = needed(reader, runs)
        yield from needs.files
        for need in needs.datasets:
            manifest = None if need.hidden else manifest_at(reader, need.commit, need.record.name, digest=need.digest)
            if manifest is None:
                manifest = _stored(place, need.digest)
            if manifest is None and not need.hidden:
                unreadable.append(f"dataset {need.record.name} of run {need.commit[:7]}: its manifest cannot be read")
            yield from _with_files(need.digest, manifest)
    yield from _of_runs_going_on(place)
    for ref in config.datasets.values():
        if ref.digest is not None:
            yield from _with_files(ref.digest, _stored(place, ref.digest))


def _of_runs_going_on(place: Place) -> Iterator[str]:
    """What runs read that are not recorded yet."""
    for file in Path(runfolder.runs_folder(str(place.common_dir))).glob(f"*/{runfolder.DATA}/*"):
        try:
            if file.name == "data.toml":
                for record in load_data(file.read_text(encoding="utf-8")).values():
                    yield from _with_files(record.digest or "", _stored(place, record.digest or ""))
            elif file.suffix == f".{ALGORITHM}":
                manifest = file.read_bytes()
                yield from _with_files(dataset_digest(manifest), manifest)
        except (GitexpError, OSError, UnicodeDecodeError):
            continue  # recorded meanwhile, or of no run


def _stored(place: Place, digest: str) -> bytes | None:
    try:
        return place.store.read_bytes(digest)
    except GitexpError:
        return None


def _with_files(digest: str, manifest: bytes | None) -> Iterator[str]:
    yield digest
    if manifest is None:
        return
    yield dataset_digest(manifest)
    try:
        for entry in parse_manifest(manifest):
            yield f"{ALGORITHM}:{entry.digest}"
    except GitexpError:
        return
