"""Make a dataset available at a path here, wherever it comes from, and prove that it is the one that is meant.

In this order: what lies at its path; what git-lfs or DVC say lies there; the object store and the remotes, by the
pinned digest; the URL. What lies in the user's own folders is left where it is; all else goes to gitexp's own cache.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp.datasets.build import Built, build_manifest
from gitexp.datasets.pinned import Access, OutOfReach, manifest_behind, obtain_pinned, require_key
from gitexp.errors import Refused, beyond
from gitexp.spec.catalogue import DatasetRef
from gitexp.text.schema import near

if TYPE_CHECKING:
    from gitexp.datasets.sources.resolution import Fetched, Resolution

SHOWN = 20


class Provided(NamedTuple):
    """A dataset that is here."""

    ref: DatasetRef
    path: Path  # absolute
    built: Built
    resolution: Resolution | None = None  # what its URL stood for when it came from there, now or earlier
    fetched_bytes: int | None = None  # over the network, now; None: it lay at its path


class _Brought(NamedTuple):
    """A dataset that the store holds by now."""

    digest: str
    resolution: Resolution | None = None
    fetched_bytes: int = 0


def provide(ref: DatasetRef, access: Access) -> Provided:
    """The dataset at a local path, hashed. Raises Refused: it is missing, out of reach, or not what is pinned."""
    if ref.digest is not None and ref.digest.keyed:
        require_key(access.place)  # before gigabytes are hashed or fetched
    if ref.path is not None:
        found = _at_path(ref, Path(os.path.normpath(access.place.root / ref.path)), access)
        if found is not None:
            return found
    failures: Sequence[str] = ()
    if ref.digest is not None:
        found, failures = _by_digest(ref, ref.digest, access)
        if found is not None:
            return found
    if ref.url is not None:
        return _from_url(ref, ref.url, access)
    raise _missing(ref, access, failures)


def _at_path(ref: DatasetRef, path: Path, access: Access) -> Provided | None:
    """What lies at the path, or what git-lfs or DVC say lies there; None where nothing does."""
    fetched = _pointed(path, access)
    if fetched is not None:
        _require_pinned(ref, fetched.digest, access, manifest=fetched.manifest)

        def bring() -> _Brought:
            return _Brought((_pointed(path, access) or fetched).digest)

        return _checked_out(ref, bring, access)._replace(fetched_bytes=None)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Refused(
            f"Dataset {ref.name}: {ref.path} cannot be read: {error.strerror}", why=f"Looked for {path}"
        ) from error
    built = build_manifest(path, cache=access.place.cache, algorithms=access.algorithms, progress=access.progress)
    _require_pinned(ref, built.digest, access, manifest=built.manifest)
    return Provided(ref, path, built)


def _pointed(path: Path, access: Access) -> Fetched | None:
    """What git-lfs pointers or a .dvc file at this path stand for."""
    from gitexp.datasets.sources.looks import looks_pointed

    if not looks_pointed(path, access.place.root):
        return None
    from gitexp.datasets.sources.pointed import open_pointed

    return open_pointed(path, access.place, access.progress)


def _by_digest(ref: DatasetRef, digest: str, access: Access) -> tuple[Provided | None, Sequence[str]]:
    """The pinned version from the store, else from the remotes; and what stood in the way."""

    def bring() -> _Brought:
        plain, fetched_bytes = obtain_pinned(digest, access)
        origin = None
        if ref.url is not None:
            from gitexp.datasets.sources.known import known_origin

            origin = known_origin(access.place.sources, ref.url, plain)
        return _Brought(plain, origin, fetched_bytes)

    try:
        return _checked_out(ref, bring, access), ()
    except OutOfReach as error:
        return None, error.failures


def _from_url(ref: DatasetRef, url: str, access: Access) -> Provided:
    from gitexp.datasets.sources.known import note_origin
    from gitexp.datasets.sources.stated import fetch_stated

    def bring() -> _Brought:
        got = fetch_stated(ref, url, access.place, access.progress)
        _require_pinned(ref, got.digest, access, manifest=got.manifest)
        if got.resolution is not None:  # once it is pinned, it is found in the store, and nobody asked
            note_origin(access.place.sources, got.digest, got.resolution)
        return _Brought(got.digest, got.resolution, got.bytes_fetched)

    return _checked_out(ref, bring, access)


def _checked_out(ref: DatasetRef, bring: Callable[[], _Brought], access: Access) -> Provided:
    """A dataset that the store holds, laid out in our own cache, and hashed there like any other."""
    from gitexp.datasets.objects.checkout import check_out, mend

    place = access.place
    for _ in range(2):
        brought = bring()
        path = check_out(brought.digest, store=place.store, folder=place.checkouts, name=_file_name(ref))
        built = build_manifest(path, cache=place.cache, algorithms=access.algorithms, progress=access.progress)
        if built.digest == brought.digest:
            return Provided(ref, path, built, brought.resolution, brought.fetched_bytes)
        # Somebody wrote to what was laid out, and so perhaps to the stored objects: bring what is lost once more.
        mend(brought.digest, store=place.store, folder=place.checkouts)
    raise Refused(
        f"Dataset {ref.name} is damaged as soon as it is brought here",
        details=[f"  {path}"],
        why="A program that still runs may be writing to it, or the disk is failing.",
        fix=f"stop that program; if there is none:  rm -r {shlex.quote(str(path))}",
    )


def _file_name(ref: DatasetRef) -> str | None:
    """The name that the dataset has if it is a single file."""
    place = ref.path or (ref.url or "").partition("://")[2].partition("?")[0]
    return None if place.endswith("/") else place.rpartition("/")[2].removesuffix(".dvc") or None


def _require_pinned(ref: DatasetRef, digest: str, access: Access, *, manifest: bytes) -> None:
    """Refuse what is not the pinned version, and say in what they differ where the pinned manifest is to be had."""
    if ref.digest is None:
        return
    if access.place.same(ref.digest, digest):
        if ref.digest.keyed:  # the way from the pin to the bytes, which nobody could go back without it
            access.place.store.put_keyed(manifest, digest=ref.digest)
        return
    shown = access.place.keyed(digest) if ref.digest.keyed else digest
    raise Refused(
        f"Dataset {ref.name} is not the one that is pinned",
        details=[
            f"  pinned  {ref.digest}",
            f"  found   {shown}  ({ref.path or ref.url})",
            *_differences(ref.digest, manifest, access),
        ],
        why="A run on other data would not be comparable with the runs before it.",
        fix=_back_or_pinned(ref, ref.entry)
        if ref.entry and not ref.is_recipes_pin
        else f"gitexp data get {ref.digest} --to DIR    has what the recipe pins; or, in it, pin what is there: "
        f'digest = "{shown}"',
    )


def _back_or_pinned(ref: DatasetRef, entry: str) -> str:
    pin = f"gitexp data pin {entry}"
    if ref.path is None:
        return f"if the new version is the right one:  {pin}"
    path = ref.path.rstrip("/")
    return f"{shlex.join(['mv', path, f'{path}.old'])} && gitexp data pull {entry}    or    {pin}"


def _differences(pinned: str, manifest: bytes, access: Access) -> list[str]:
    from gitexp.record.manifest import manifest_differences

    before = manifest_behind(pinned, access)
    if before is None:
        return []
    found = manifest_differences(before, manifest)
    named = [(mark, path) for mark, paths in zip("+-~", found, strict=True) for path in paths]
    lines = [f"  {mark} {path}" for mark, path in named[:SHOWN]]
    lines += beyond(len(named), SHOWN)
    counts = f"{len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed"
    return [f"  {counts}:", *lines]


def _missing(ref: DatasetRef, access: Access, failures: Sequence[str]) -> Refused:
    assert ref.path is not None
    path = Path(os.path.normpath(access.place.root / ref.path))
    if failures:
        return Refused(
            f"Dataset {ref.name}: {ref.path} does not exist, and its pinned version could not be fetched",
            details=[f"  {failure}" for failure in failures[:SHOWN]],
            why=_whom_to_ask(ref),
            fix=f"put it at {ref.path}, or ask who has it for:  gitexp data push {ref.entry or ref.name}",
        )
    hint = near(ref.path, access.names) if ref.entry is None and "/" not in ref.path else ""
    return Refused(
        f"Dataset {ref.name}: {ref.path} does not exist{hint}",
        why=f"Looked for {path}{_whom_to_ask(ref, before='. ')}",
        fix=f"put it there, or correct path in [datasets.{ref.entry}]"
        if ref.entry
        else f"put it there, or set data.{ref.name} in the recipe",
    )


def _whom_to_ask(ref: DatasetRef, *, before: str = "") -> str:
    stated = [
        f"{name} {value}"
        for name, value in (("source", ref.source), ("auth", ref.auth), ("owner", ref.owner))
        if value is not None
    ]
    if ref.access == "restricted":
        stated.insert(0, "access restricted")
    return f"{before}The catalogue says: {', '.join(stated)}" if stated else ""
