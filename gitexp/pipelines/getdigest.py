"""From a digest to the dataset, or the single file, that it names, in a folder of the user's: find → fetch → place."""

from __future__ import annotations

import os
import re
from pathlib import Path

from gitexp.clone import Clone
from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.obtain import obtain_files, obtain_objects
from gitexp.datasets.progress import Watch
from gitexp.errors import GitexpError
from gitexp.pipelines.get import SHOWN, Got, bring_and_place, require_own, what_helps
from gitexp.record.digests import Digest
from gitexp.record.manifest import ALGORITHM, HEX_DIGITS, Entry, parse_manifest

FEWEST_DIGITS = 6  # of a digest, to be looked up


def get_digest(clone: Clone, digest: str, *, folder: Path, watch: Watch) -> Got:
    """Bring a dataset, or a single file, into a folder by its digest. Raises GitexpError."""
    require_own(clone.repo, folder := Path(os.path.normpath(folder)))
    place = clone.place
    full = _full(digest, place.store)
    remotes = list(clone.config.remotes.values())
    path = place.store.path_of(full)  # refuses what is no digest
    lab_key = place.key() if full.keyed else None
    digits, fix = full.digits, what_helps(full, place, clone.config)

    def bring() -> tuple[list[Entry], int]:
        with watch("fetching") as progress:
            if _looks_like_manifest(path) and not place.store.is_whole(full, lab_key=lab_key):
                place.store.remove(full)
            fetched_bytes, failures = obtain_objects([full], place, remotes, lab_key=lab_key)
            if failures:
                raise GitexpError(f"{full} is not to be had", details=[f"  {one}" for one in failures[:SHOWN]], fix=fix)
            entries = _dataset_at(path) or [Entry(digits.encode(), digits)]
            files = obtain_files(entries, place, remotes, progress)
            if files.failures:
                raise GitexpError(
                    f"{full} is not whole", details=[f"  {one}" for one in files.failures[:SHOWN]], fix=fix
                )
        return entries, fetched_bytes + files.fetched_bytes

    return bring_and_place([full], bring, folder, place.store, watch)


def _full(digest: str, store: ObjectStore) -> Digest:
    """A digest, or the beginning of one that the store has, to all of it. Raises GitexpError."""
    algorithm, digits = Digest(digest).algorithm, Digest(digest).digits
    if algorithm not in ("", ALGORITHM) or len(digits) >= HEX_DIGITS or re.fullmatch("[0-9a-f]{2,}", digits) is None:
        return Digest(digest) if algorithm else Digest.xxh128(digest)
    found = store.beginning_with(digits) if len(digits) >= FEWEST_DIGITS else []
    if len(found) == 1:
        return Digest(found[0])
    how_many = f"{len(found)} objects" if found else "no object" if len(digits) >= FEWEST_DIGITS else "perhaps several"
    raise GitexpError(
        f"{digest} is the beginning of {how_many} in the object store",
        details=[f"  {one}" for one in found[:SHOWN]],
        fix=f"give all {HEX_DIGITS} digits (gitexp data list, gitexp show RUN)",
    )


def _looks_like_manifest(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return re.match(rb"\\?[0-9a-f]{32}  ", file.read(35)) is not None
    except FileNotFoundError:
        return False


def _dataset_at(path: Path) -> list[Entry] | None:
    """The files of a manifest; None: these bytes are none, but are meant themselves."""
    try:
        return parse_manifest(path.read_bytes()) if _looks_like_manifest(path) else None
    except GitexpError:
        return None
