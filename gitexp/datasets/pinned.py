"""A pinned digest, which may be keyed, to the bytes it names in the store, and to the manifest behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gitexp.datasets.place import Place
from gitexp.errors import GitexpError, Refused
from gitexp.record.digests import Digest

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress
    from gitexp.spec.config import RemoteSettings


class Access(NamedTuple):
    """What it takes to get at data. `find_manifest`: the manifest of a digest, where some record holds it."""

    place: Place
    remotes: Mapping[str, RemoteSettings] = {}
    algorithms: tuple[str, ...] = ("xxh128",)
    find_manifest: Callable[[str], bytes | None] | None = None
    progress: Progress | None = None
    names: Collection[str] = ()  # of the catalogue's datasets


class OutOfReach(Exception):
    """Neither the store nor a remote has all of it. `failures`: sentences on why."""

    def __init__(self, failures: Sequence[str]) -> None:
        super().__init__()
        self.failures = failures


def require_key(place: Place) -> None:
    """Refuse what takes the lab's key, where this clone has none."""
    try:
        place.key()
    except GitexpError as error:
        raise Refused(error.what, why=error.why, fix=error.fix) from error


def obtain_pinned(pinned: str, access: Access) -> tuple[str, int]:
    """Bring the whole dataset into the store: its plain digest, and the bytes that were fetched. Raises OutOfReach."""
    from gitexp.datasets.obtain import obtain

    plain, fetched_bytes = _behind(pinned, access)
    remotes = access.remotes.values()
    obtained = obtain(plain, access.place, remotes, find_manifest=access.find_manifest, progress=access.progress)
    if not obtained.complete:
        raise OutOfReach(obtained.failures)
    return plain, fetched_bytes + obtained.fetched_bytes


def _behind(pinned: str, access: Access) -> tuple[str, int]:
    """The plain digest that is pinned, and what was fetched to learn it."""
    if not Digest(pinned).keyed:
        return pinned, 0
    from gitexp.datasets.obtain import obtain_objects

    place = access.place
    fetched_bytes, failures = obtain_objects([pinned], place, access.remotes.values(), lab_key=place.key())
    try:
        plain = place.plain(pinned) or place.search(pinned)
    except GitexpError as error:
        raise OutOfReach([f"{error.what}: {place.store.path_of(pinned)}", error.fix]) from error
    if plain is None:
        raise OutOfReach(failures)
    return plain, fetched_bytes


def manifest_behind(pinned: str, access: Access) -> bytes | None:
    """The manifest of a digest, which may be keyed, from the store or from a record; None where neither has it."""
    if not Digest(pinned).keyed:
        from gitexp.datasets.obtain import known_manifest

        return known_manifest(pinned, store=access.place.store, find_manifest=access.find_manifest)
    try:
        return access.place.store.read_bytes(pinned) if access.place.plain(pinned) is not None else None
    except GitexpError:
        return None
