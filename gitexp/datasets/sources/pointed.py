"""A path in a repository that stands for bytes elsewhere: to those bytes in the store, and their manifest.

Such are a git-lfs pointer, a folder with some of them, a `.dvc` file, and a path that only has a `.dvc` file beside it.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from gitexp.datasets.digest import digest_file
from gitexp.datasets.place import Place
from gitexp.datasets.progress import Progress
from gitexp.datasets.sources import dvc, lfs
from gitexp.datasets.sources.holding import held, keep
from gitexp.datasets.sources.known import known_digest, note_known
from gitexp.datasets.sources.looks import DVC
from gitexp.datasets.sources.resolution import Fetched
from gitexp.datasets.walk import Found, walk
from gitexp.errors import Refused
from gitexp.record.manifest import Entry, display, dump_manifest, parse_manifest
from gitexp.text.bounded import Unreadable


def open_pointed(path: Path, place: Place, progress: Progress | None = None) -> Fetched | None:
    """The dataset that `path` stands for; None: the path is what it is. Touches nothing of the user's, no network.

    What was verified once is not read again while the store holds it. Raises Refused: bytes not here, damaged, not
    understood.
    """
    if path.suffix == DVC and path.is_file():
        return _open_dvc(path, place, progress)
    if not path.exists():
        beside = path.with_name(path.name + DVC)
        return _open_dvc(beside, place, progress) if beside.is_file() else None
    if path.is_dir():
        # What cannot be read is no pointer; hashing the folder will name it.
        files = [found for found in walk(os.fsencode(path)) if isinstance(found, Found)]
    else:
        files = [Found(os.fsencode(path.name), os.fsencode(path))]
    pointers = {found.relative: one for found in files if (one := lfs.pointer_or_none(found.path))}
    if not pointers:
        return None
    return _open_lfs(files, pointers, place, progress)


def _open_lfs(
    files: list[Found], pointers: dict[bytes, lfs.Pointer], place: Place, progress: Progress | None
) -> Fetched:
    store = place.store
    plain = {found.relative: Path(os.fsdecode(found.path)) for found in files if found.relative not in pointers}
    entries = [_hashed(path, file) for path, file in plain.items()]
    key = _state(entries, pointers)
    before = known_digest(place.sources, "git-lfs", key)
    if before is not None and (found := held(store, before)) is not None:
        return found
    storage = place.common_dir / Path(place.settings.get("lfs.storage") or "lfs").expanduser()
    places = lfs.real_files(list(pointers.items()), storage)
    if progress:
        progress.expect(files=len(files), size_bytes=sum(one.size for one in pointers.values()))
    for entry in entries:
        store.put(plain[entry.path], digest=entry.digest)
    for path, one in pointers.items():
        digest, size = lfs.verified(path, one, places[path])
        store.put(places[path], digest=digest)
        entries.append(Entry(path, digest, size))
        if progress:
            progress.advance(files=1, size_bytes=size)
    fetched = keep(entries, store, bytes_fetched=0)
    note_known(place.sources, fetched.digest, "git-lfs", key)
    return fetched


def _state(plain: list[Entry], pointers: dict[bytes, lfs.Pointer]) -> str:
    """All that the dataset depends on, without reading what the pointers stand for."""
    pairs = [(entry.path, entry.digest) for entry in plain] + [(path, one.oid) for path, one in pointers.items()]
    return sha256(b"\0".join(path + b"\0" + digest.encode() for path, digest in sorted(pairs))).hexdigest()


def _open_dvc(dvc_file: Path, place: Place, progress: Progress | None) -> Fetched:
    root, store = place.root, place.store
    out = dvc.read_dvc_file(dvc_file)
    lies_at = Path(os.path.normpath(dvc_file.parent / out.path))
    if not lies_at.is_relative_to(root) or lies_at == root:
        raise Refused(f"{display(os.fsencode(dvc_file))} names data outside of the repository: {out.path}")
    key = ("dvc", out.md5, str(out.is_folder), lies_at.name)
    before = known_digest(place.sources, *key)
    if before is not None and (found := held(store, before)) is not None:
        return found
    cache = dvc.find_cache(dvc_file, root=root)
    parts = dvc.parts_of(out, lies_at, cache)
    _check_paths(parts, dvc_file)
    if progress:
        progress.expect(files=len(parts), size_bytes=out.size or 0)
    entries = []
    for one in dvc.locate(out, parts, lies_at, cache):
        store.put(one.place, digest=one.digest)
        entries.append(Entry(one.path, one.digest, one.size))
        if progress:
            progress.advance(files=1, size_bytes=one.size)
    fetched = keep(entries, store, bytes_fetched=0)
    note_known(place.sources, fetched.digest, *key)
    return fetched


def _hashed(path: bytes, place: Path) -> Entry:
    try:
        seen = digest_file(os.fsencode(place))
    except OSError as error:
        raise Refused(f"{display(path)} cannot be hashed: {error.strerror or 'it changed meanwhile'}") from error
    return Entry(path, seen.digest, seen.size)


def _check_paths(parts: list[dvc.Part], dvc_file: Path) -> None:
    """A list of files may come from anybody: no name in it may lead out of the dataset."""
    try:
        parse_manifest(dump_manifest(Entry(part.path, "0" * 32) for part in parts))
    except Unreadable as error:
        raise Refused(f"{display(os.fsencode(dvc_file))} lists names that cannot lie in a folder: {error}") from error
