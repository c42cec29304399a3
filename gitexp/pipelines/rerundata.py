"""The data of a run that is done once more: where each dataset would come from; then its bytes, where they lay.

Looked for in this order: git, as part of the code; the user's disk, at the recorded place; the object store; remotes;
the recorded address. Nothing is fetched before somebody has seen from where.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp.clone import Clone
from gitexp.datasets.build import Built, build_manifest, is_as_large
from gitexp.datasets.place import Place
from gitexp.errors import GitexpError, Refused, and_more, beyond, counted
from gitexp.git.objectreader import ObjectReader
from gitexp.history.needed import DatasetNeed, from_code, is_in_code
from gitexp.history.read import Run
from gitexp.pipelines.get import Wanted, bring, get_into, what_run_has
from gitexp.pipelines.refetch import unversioned, whom_to_ask
from gitexp.record.datarecord import DatasetRecord
from gitexp.record.digests import Digest
from gitexp.record.manifest import ALGORITHM, Entry, display, parse_manifest
from gitexp.removal import remove_tree
from gitexp.spec.catalogue import DatasetRef
from gitexp.text.schema import escaped

if TYPE_CHECKING:
    from gitexp.datasets.progress import Watch
    from gitexp.datasets.statcache import StatCache
    from gitexp.spec.config import RemoteSettings

SHOWN = 20


class Source(NamedTuple):
    """A dataset, and where it is to be had."""

    name: str
    wanted: Wanted
    run: Run  # that read it
    place: str | None  # where its program finds it: relative to the code, or absolute; None: it has no such place
    origin: str  # in words
    known: bool = False  # this clone has it already, as part of the code or at its place; or the recipe pins it
    here: bool = False  # it lies at `place`, absolute, and is used there
    strange: str | None = None  # an address that only the record names, and that would be asked
    lost: tuple[tuple[str, str], ...] = ()  # objects that nobody has: digest, and file

    @property
    def elsewhere(self) -> bool:
        """Whether its program finds it in our own cache, although the record names a path."""
        outside = self.place is None or self.place.startswith("/")
        return self.record.path is not None and outside and not self.here

    def laid(self, place: Place) -> str:
        """Where it will lie, as far as that is known before its bytes are here: relative to the code, or absolute."""
        if self.place and (self.here or not self.place.startswith("/")):
            return self.place
        name = posixpath.basename(self.record.path or (self.record.url or "").partition("?")[0]).removesuffix(".dvc")
        folder = place.checkouts / Digest(self.record.digest or "").digits
        return str(folder / name if name and _is_lone(list(self.wanted.entries or ()), name) else folder)

    @property
    def record(self) -> DatasetRecord:
        """As the run's record describes it."""
        assert self.wanted.need is not None
        return self.wanted.need.record


def look_for(
    data: Iterable[tuple[DatasetRef, Run, DatasetRecord]], *, reader: ObjectReader, clone: Clone, own: bool
) -> list[Source]:
    """Where each dataset of a recipe would come from. `clone`: the user's. Raises GitexpError, also without the key.

    Remotes are asked what they have, where the store lacks something; nothing is fetched. `own`: this clone recorded
    all of it. Else a path outside of the repository is anybody's word, and read only where it is as large as the data.
    """
    found = []
    for ref, run, one in data:
        if one.digest is not None:
            every = what_run_has(reader, run, names=[ref.name])
            wanted = next(each for each in every if (each.kind, each.name) == ("dataset", ref.name))
            found.append(_source(ref, wanted, run, reader=reader, clone=clone, own=own))
    return found


def _source(ref: DatasetRef, wanted: Wanted, run: Run, *, reader: ObjectReader, clone: Clone, own: bool) -> Source:
    assert wanted.need is not None
    need, place, name = wanted.need, clone.place, ref.name
    need = need._replace(record=need.record._replace(path=ref.path))  # data.toml may say any other
    wanted = wanted._replace(need=need)
    source = Source(name, wanted, run, _place(ref, clone), "", known=ref.digest == need.digest)
    entries = list(wanted.entries) if wanted.entries is not None else _behind(need, place)
    if entries is not None and is_in_code(reader, need, entries):
        return source._replace(origin="part of the code", known=True)
    lies, of = place.lies_at(source.place), need.record
    outside = source.place is not None and source.place.startswith("/")
    if lies and outside and not own and not is_as_large(lies, files=of.files, size_bytes=of.size_bytes):
        lies = None
    built = _built(lies, cache=place.cache) if lies is not None else None
    if built is not None and place.same(need.digest, built.digest):
        return source._replace(origin=f"from {escaped(str(lies))}", here=outside, known=True)
    keyed = [(need.digest, name)] if entries is None else []
    asked = [(f"{ALGORITHM}:{e.digest}", display(e.path)) for e in entries or () if not place.store.has(e.digest)]
    lacking = dict([*keyed, *asked])
    if not lacking:
        return source._replace(origin="from the object store")
    for entry, content in from_code(reader, need, (e for e in entries or () if f"{ALGORITHM}:{e.digest}" in lacking)):
        if content is not None:
            lacking.pop(f"{ALGORITHM}:{entry.digest}", None)
    for entry in built.entries() if built else ():
        lacking.pop(f"{ALGORITHM}:{entry.digest}", None)
    origins = []
    for remote in clone.config.remotes.values() if lacking else ():
        there = _present(remote, list(lacking), place)
        if there:
            origins.append(f"{counted(len(there), 'object')}{_bytes(there.values())} from remote {remote.name}")
        for digest in there:
            del lacking[digest]
    urls = [url for url in (need.record.resolved, need.record.url) if url]
    if lacking and urls:
        ours = {unversioned(ref.url) for ref in clone.config.datasets.values() if ref.url}
        known = all(unversioned(url) in ours for url in urls)
        origins.append(f"{counted(len(lacking), 'object')} from {escaped(urls[0])}, if that still has this version")
        return source._replace(origin=", ".join(origins), strange=None if known else urls[0])
    if lacking:
        every = len({one.digest for one in entries or ()}) or 1
        origins = [*(origins or ["from here"]), "some nowhere"] if len(lacking) < every else ["nowhere to be had"]
    return source._replace(origin=", ".join(origins) or "from here", lost=tuple(lacking.items()))


def _place(ref: DatasetRef, clone: Clone) -> str | None:
    """Where the recipe has it. What lies beside the repository lies beside the user's."""
    if ref.path is None:
        return None
    path = posixpath.normpath(ref.path)
    if any(part.lower() == ".git" for part in path.split("/")):
        raise GitexpError(
            f"Dataset {ref.name} lay at {escaped(path)}; nothing is written into a repository's own folder"
        )
    if path.endswith(".dvc"):  # what it stands for was read from our own cache
        return None
    return os.path.normpath(clone.repo.root / path) if path.startswith("../") else path


def _behind(need: DatasetNeed, place: Place) -> list[Entry] | None:
    """The files behind a keyed digest, where the store knows them. Raises GitexpError without the key."""
    plain = place.plain(need.digest) or place.search(need.digest)
    return None if plain is None else parse_manifest(place.store.read_bytes(plain))


def _present(settings: RemoteSettings, digests: Sequence[str], place: Place) -> dict[str, int | None]:
    """Those that a remote has, and their sizes as far as it tells. One that does not answer has none."""
    from gitexp.datasets.objects.objectname import name_of
    from gitexp.datasets.remotes import open_remote
    from gitexp.spec.trust import require_remotes

    require_remotes([settings])
    keys = {name_of(digest).key: digest for digest in digests}
    try:
        remote = open_remote(settings, root=place.root)
    except GitexpError:
        return {}
    try:
        found = remote.present(list(keys))
    finally:
        remote.close()
    return {keys[key]: found.size_bytes.get(key) for key in found.there}


def _bytes(sizes: Iterable[int | None]) -> str:
    known = list(sizes)
    return "" if None in known else f" ({sum(filter(None, known)):,} bytes)"


def require_all(sources: Sequence[Source], clone: Clone) -> Refused | None:
    """What to say where some of the data is nowhere: each object, and where it was last seen. None: nothing is."""
    lost = [(source, digest, file) for source in sources for digest, file in source.lost]
    if not lost:
        return None
    details = [f"  {source.name}: {digest}  {file}" for source, digest, file in lost[:SHOWN]] + beyond(len(lost), SHOWN)
    asked = list(clone.config.remotes)
    details += ["last seen:"]
    for source in sources:
        record, run = source.run.record, source.record
        if source.lost and record is not None:
            where = escaped(run.path or run.url or "?")
            details.append(
                f"  {source.name}: {where} on {escaped(record.host or 'an unknown machine')}, when run {record.id} was"
                f" recorded by {escaped(source.run.author)}"
            )
            stated = whom_to_ask(source.wanted.need, clone.config) if source.wanted.need else ""
            details += [f"  {source.name}: {escaped(stated)}"] if stated else []
    searched = ", ".join(f"remote {escaped(name)}" for name in asked[:3]) + and_more(len(asked), 3)
    verb = "is" if len(lost) == 1 else "are"
    return Refused(
        f"{counted(len(lost), 'object')} of the data {verb} nowhere to be had; nothing ran",
        details=details,
        why=f"Looked in the code, at the recorded place, in the object store{' and ' if asked else ''}{searched}.",
        fix="ask who recorded it for:  gitexp data push"
        if asked
        else "put the files where they lay, or name a remote that has them under [remotes.NAME] in gitexp.toml",
    )


def put_in_place(
    sources: Sequence[Source], root: Path, *, clone: Clone, watch: Watch, strange: bool
) -> tuple[str, ...]:
    """Bring the bytes, and put them where they lay below the working tree; the paths of what was put there.

    `strange`: addresses that only the record names may be asked.
    """
    placed = []
    for source in sources:
        if source.here:
            continue
        inside = source.place is not None and not source.place.startswith("/")
        there = root / (source.place or "")
        if inside and os.path.lexists(there):
            if _is_there(source, there, clone.place):
                continue
            _remove(there, root)  # pointers to it, or what a mixture takes from another run
        [(_, entries)], _ = bring(clone, [source.wanted], watch=watch, strange=strange)
        if source.place is None or not inside:
            continue
        target = there.parent if _is_lone(list(entries), source.place) else there
        _require_inside(target, root)
        get_into(clone, [source.wanted], folder=target, watch=watch, apart=False, strange=strange)
        placed.append(source.place)
    return tuple(placed)


def _is_lone(entries: Sequence[Entry], path: str) -> bool:
    return len(entries) == 1 and entries[0].path == os.fsencode(posixpath.basename(path))


def _is_there(source: Source, path: Path, place: Place) -> bool:
    built, wanted = _built(path), source.record.digest
    return built is not None and wanted is not None and place.same(wanted, built.digest)


def _built(path: Path, *, cache: StatCache | None = None) -> Built | None:
    """What lies there. None: what no dataset can be (a socket, a file that may not be read)."""
    try:
        return build_manifest(path, cache=cache)
    except GitexpError:
        return None


def _require_inside(path: Path, root: Path) -> None:
    """The code may be anybody's, and so may the links in it."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise GitexpError(f"Nothing is written to {escaped(str(path))}: a link in the code leads out of it")


def _remove(path: Path, root: Path) -> None:
    _require_inside(path.parent, root)
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink()
