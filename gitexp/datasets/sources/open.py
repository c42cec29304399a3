"""The table of schemes: an address to an exact version, and that version into the store.

    resolution = resolve(url, settings=settings)
    fetched = fetch(resolution, settings=settings, store=store, workspace=workspace)

`workspace` is a folder for what is only a cache: partial files, and versions that were fetched before. A dataset whose
digest is pinned and held (`holding.held`) need not be resolved at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.progress import Progress
from gitexp.datasets.sources.download import Job, Read, download
from gitexp.datasets.sources.holding import held, keep
from gitexp.datasets.sources.known import known_digest, note_known
from gitexp.datasets.sources.refusals import NotNow, unusable
from gitexp.datasets.sources.resolution import Fetched, Resolution, SourceFile, SourceSettings
from gitexp.record.manifest import Entry, display, dump_manifest, parse_manifest
from gitexp.text.bounded import Unreadable

TRIES = 3


class Source(NamedTuple):
    """One kind of address."""

    resolve: Callable[[str, SourceSettings], Resolution]
    read: Read
    listed: Callable[[Resolution, SourceSettings], Resolution] | None = None  # with its files; None: `resolve` has them
    doubts: Callable[[SourceFile, SourceSettings], bool] | None = None


def resolve(url: str, *, settings: SourceSettings) -> Resolution:
    """Ask what exact version the address stands for now. One request, as a rule. Raises Refused."""
    source = _source(url, settings)
    return _patiently(lambda: source.resolve(url, settings))


def fetch(
    resolution: Resolution,
    *,
    settings: SourceSettings,
    store: ObjectStore,
    workspace: Path,
    progress: Progress | None = None,
) -> Fetched:
    """Bring that version here: its files and its manifest are in the store afterwards, verified.

    Nothing is fetched that the store has. Raises Refused: no access, not there, damaged, or changed meanwhile.
    """
    key = (resolution.url, resolution.resolved, resolution.mirror or settings.endpoint or "", resolution.version or "")
    before = known_digest(workspace, *key) if resolution.version else None
    if before is not None and (found := held(store, before)) is not None:
        return found._replace(resolution=resolution)
    source = _source(resolution.url, settings)
    unlisted, listed = resolution, source.listed
    if unlisted.files is None and listed is not None:
        resolution = _patiently(lambda: listed(unlisted, settings))
    files = resolution.files or ()
    _check_paths(files, settings)
    job = Job(source.read, settings, store, workspace, progress, source.doubts)
    entries, bytes_fetched = download(files, job, of=_family(resolution.url))
    fetched = keep(entries, store, bytes_fetched=bytes_fetched)
    if resolution.version:
        note_known(workspace, fetched.digest, *key)
    return fetched._replace(resolution=resolution)


def _family(url: str) -> str:
    """What addresses that share files have in common: a repository on a hub, a bucket, a host."""
    scheme, _, rest = url.partition("://")
    parts = rest.partition("@")[0].split("/") if scheme == "hf" else rest.split("/")
    count = (3 if parts[0] == "datasets" else 2) if scheme == "hf" else 1
    return f"{scheme}://{'/'.join(parts[:count])}"


def _source(url: str, settings: SourceSettings) -> Source:
    scheme = url.partition("://")[0]
    if scheme in ("http", "https"):
        from gitexp.datasets.sources import https

        return Source(https.resolve, https.read)
    if scheme == "s3":
        from gitexp.datasets.sources.s3 import S3

        s3 = S3()
        return Source(s3.resolve, s3.read, doubts=s3.is_no_md5)
    if scheme == "hf":
        from gitexp.datasets.sources import https, hub

        return Source(hub.resolve, https.read, hub.listed)
    raise unusable(settings, f"{scheme}:// is no source that gitexp knows; known: s3, https, http, hf")


def _patiently(ask: Callable[[], Resolution]) -> Resolution:
    import time

    for attempt in range(TRIES):
        began = time.monotonic()
        try:
            return ask()
        except NotNow:
            # Whoever was silent for long is not asked again: somebody sits at the terminal.
            if attempt == TRIES - 1 or time.monotonic() - began > 5:
                raise
            time.sleep(0.2 * 2**attempt)
    raise AssertionError("unreachable")


def _check_paths(files: Iterable[SourceFile], settings: SourceSettings) -> None:
    """Whether the names, which a stranger chose, can lie in one folder."""
    paths = [file.path for file in files]
    try:
        parse_manifest(dump_manifest(Entry(path, "0" * 32) for path in paths))
    except Unreadable as error:
        raise unusable(settings, f"its names cannot lie in a folder: {error}") from error
    folders = {path[:at] for path in paths for at, byte in enumerate(path) if byte == ord("/")}
    both = next((path for path in paths if path in folders), None)
    if both is not None:
        raise unusable(settings, f"{display(both)} is both a file and a folder there")
