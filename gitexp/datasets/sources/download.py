"""Many files to the object store at once: what is there already left out, broken ones continued, each verified.

A partial file lies in `<workspace>/partial/`, named by the version that it is a part of, so that no other version is
continued with it. What a file turned out to be is noted as soon as it is stored, so that a kill costs one file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.progress import Progress
from gitexp.datasets.sources.https import Reading
from gitexp.datasets.sources.known import Noted
from gitexp.datasets.sources.partial import Partial, open_partial, sweep
from gitexp.datasets.sources.refusals import NotNow, changed, several, unreachable, wrong_bytes
from gitexp.datasets.sources.resolution import SourceFile, SourceSettings
from gitexp.errors import Refused
from gitexp.record.manifest import Entry, display

AT_ONCE = 16
TRIES = 4
MOST_ERRORS = 20  # a source with more is not asked further
Read = Callable[[SourceFile, int, SourceSettings], Reading]


class _Stopped(Exception):
    """Somebody else failed, or the user had enough."""


class Job(NamedTuple):
    """What all files of one download share."""

    read: Read
    settings: SourceSettings
    store: ObjectStore
    workspace: Path
    progress: Progress | None = None
    # Whether the md5 that a source seems to state is none; asked only where one does not fit.
    doubts: Callable[[SourceFile, SourceSettings], bool] | None = None


def download(files: tuple[SourceFile, ...], job: Job, *, of: str) -> tuple[list[Entry], int]:
    """Store all files. Returns them as entries of a manifest, and the bytes that came over the network.

    `of` is the address that they belong to. Raises Refused, with every file that could not be had.
    """
    from concurrent.futures import ThreadPoolExecutor, as_completed

    if job.progress:
        job.progress.expect(files=len(files), size_bytes=sum(file.size or 0 for file in files))
    sweep(job.workspace)
    noted = Noted(job.workspace, of)
    entries: list[Entry] = []
    errors: list[Refused] = []
    stop = threading.Event()
    counter = _Counter()
    with ThreadPoolExecutor(min(AT_ONCE, max(1, len(files)))) as pool:
        try:
            waiting = {pool.submit(_one, file, job, noted, stop, counter): file for file in files}
            for done in as_completed(waiting):
                try:
                    entries.append(done.result())
                except OSError as error:  # all of the network's are Refused by now
                    stop.set()
                    errors.append(_not_written(error, job))
                except Refused as error:
                    errors.append(error)
                    if len(errors) >= MOST_ERRORS:
                        stop.set()
                except _Stopped:
                    pass
        except BaseException:  # the user had enough, or a bug
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            noted.close()
    if errors:
        raise several(job.settings, errors, len(files))
    noted.keep_only(key for key in map(_key, files) if key)
    return entries, counter.total


def _not_written(error: OSError, job: Job) -> Refused:
    return Refused(
        f"{job.settings.name} could not be written: {error.strerror or error}",
        why=f"What arrives is kept in {job.workspace}",
        fix="free some space, then run the command again; what has arrived is kept",
    )


class _Counter:
    """Bytes that came over the network, from several threads."""

    def __init__(self) -> None:
        self.total = 0
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        with self._lock:
            self.total += size


def _one(file: SourceFile, job: Job, noted: Noted, stop: threading.Event, counter: _Counter) -> Entry:
    if stop.is_set():
        raise _Stopped
    key = _key(file)
    digest = noted.digest(key) if key else None
    if digest is not None and job.store.has(digest):
        if job.progress:
            job.progress.advance(files=1, size_bytes=file.size or 0)
        return Entry(file.path, digest, file.size)
    with open_partial(job.workspace, key if _is_exact(file) else None) as partial:
        digest, size = _until_right(file, job, partial, stop, counter), partial.size
        job.store.adopt(partial.path, digest=digest)
    if key:
        noted.note(key, digest)
    if job.progress:
        job.progress.advance(files=1, size_bytes=0)
    return Entry(file.path, digest, size)


def _until_right(file: SourceFile, job: Job, partial: Partial, stop: threading.Event, counter: _Counter) -> str:
    """Fetch until the file is whole and verified; the digest of its bytes. Once wrong, it is fetched again whole."""
    lines: tuple[str, ...] = ()
    for _ in range(2):
        was_empty = partial.size == 0
        _patiently(file, job, partial, stop, counter)
        found = partial.digests(file)
        lines = found.differences(file)
        if not lines:
            return found.xxh128
        only_md5 = was_empty and len(lines) == 1 and found.md5 != file.md5
        if only_md5 and job.doubts and job.doubts(file, job.settings):
            return found.xxh128
        partial.restart()
    raise wrong_bytes(job.settings, file.url, lines)


def _patiently(file: SourceFile, job: Job, partial: Partial, stop: threading.Event, counter: _Counter) -> None:
    for attempt in range(TRIES):
        before = partial.size
        try:
            return _fill(file, job, partial, stop, counter)
        except NotNow:
            # A host that is silent is not asked four times; one that breaks off is, from where it was.
            if attempt == TRIES - 1 or (partial.size == before and attempt > 0):
                raise
            if stop.wait(0.2 * 2**attempt):
                raise _Stopped from None


def _fill(file: SourceFile, job: Job, partial: Partial, stop: threading.Event, counter: _Counter) -> None:
    if file.size is not None and partial.size == file.size and partial.size:
        return
    if file.size is not None and partial.size > file.size:
        partial.restart()
    reading = job.read(file, partial.size, job.settings)
    if reading.start != partial.size:
        partial.restart()
    with closing(reading.blocks) as blocks:
        for block in blocks:
            if stop.is_set():
                raise _Stopped
            counter.add(len(block))
            fresh = partial.append(block)
            if job.progress and fresh:
                job.progress.advance(files=0, size_bytes=fresh)
            if file.size is not None and partial.size > file.size:
                partial.restart()
                raise changed(job.settings, file.url, f"it had {file.size} bytes and has more")
    if file.size is not None and partial.size < file.size:
        raise unreachable(
            job.settings,
            file.url,
            f"{display(file.path)} broke off after {partial.size} of {file.size} bytes",
        )


def _is_exact(file: SourceFile) -> bool:
    """Whether the key names one content, so that a part of it may be continued another day."""
    return bool(file.sha256 or file.md5 or file.blob or (file.etag and not file.etag.startswith("W/")))


def _key(file: SourceFile) -> str | None:
    """What names the bytes: the checksum that the source states, else the address and what tells its versions apart."""
    if file.sha256:
        return f"sha256:{file.sha256}"
    if file.blob:
        return f"blob:{file.blob}"
    if not (file.etag or file.md5 or file.modified):
        return None
    return "\n".join(map(str, (file.url, file.etag, file.modified, file.size, file.md5)))
