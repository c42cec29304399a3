"""Many files to the object store at once: what is there already left out, broken ones continued, each verified.

A partial file lies in `<workspace>/partial/`, named by the version that it is a part of, so that no other version is
continued with it. What a file turned out to be is noted as soon as it is stored, so that a kill costs one file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.objects.store import PARTIAL, ObjectStore
from gitexp.datasets.progress import Progress
from gitexp.datasets.remotes.arrivals import Growing
from gitexp.datasets.remotes.threads import Stopped, Work
from gitexp.datasets.sources.checksums import digests_of
from gitexp.datasets.sources.https import Reading
from gitexp.datasets.sources.known import Noted
from gitexp.datasets.sources.refusals import Changed, NotNow, changed, several, unreachable, wrong_bytes
from gitexp.datasets.sources.resolution import SourceFile, SourceSettings
from gitexp.errors import Refused
from gitexp.record.manifest import Entry, display

AT_ONCE = 16
TRIES = 4
FORGOTTEN_S = 14 * 86_400  # a partial file that nobody has written to for so long is removed
MOST_ERRORS = 20  # a source with more is not asked further
Read = Callable[[SourceFile, int, SourceSettings], Reading]


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
    _sweep(job.workspace / PARTIAL)
    noted, work = Noted(job.workspace, of), Work(job.progress)
    work.expect(len(files), sum(file.size or 0 for file in files))
    downloads = _Downloads(job, noted, work)
    entries: list[Entry] = []
    errors: list[Refused] = []
    bytes_fetched = 0
    try:
        for answer in work.each(downloads.one, files, threads=AT_ONCE):
            if isinstance(answer, Refused):
                errors.append(answer)
                if len(errors) >= MOST_ERRORS:
                    work.stop()
            elif answer is not None:
                entries.append(answer[0])
                bytes_fetched += answer[1]
    finally:
        noted.close()
    if errors:
        raise several(job.settings, errors, len(files))
    noted.keep_only(key for key in map(_key, files) if key)
    return entries, bytes_fetched


class _Downloads:
    """What each thread does with a file."""

    def __init__(self, job: Job, noted: Noted, work: Work) -> None:
        self.job, self.noted, self.work = job, noted, work
        self.folder = job.workspace / PARTIAL

    def one(self, file: SourceFile) -> tuple[Entry, int] | Refused | None:
        """The file as an entry and what came over the network for it, or why not; None: the work has ended."""
        try:
            return self._one(file)
        except Refused as error:
            return error
        except OSError as error:  # all of the network's are Refused by now
            self.work.stop()
            return Refused(
                f"{self.job.settings.name} could not be written: {error.strerror or error}",
                why=f"What arrives is kept in {self.job.workspace}",
                fix="free some space, then run the command again; what has arrived is kept",
            )
        except Stopped:
            return None

    def _one(self, file: SourceFile) -> tuple[Entry, int]:
        self.work.pause(0)
        key = _key(file)
        digest = self.noted.digest(key) if key else None
        if digest is not None and self.job.store.has(digest):
            self.work.told(file.size or 0)
            self.work.done(1)
            return Entry(file.path, digest, file.size), 0
        self.folder.mkdir(parents=True, exist_ok=True)
        shared = self.folder / sha256(key.encode()).hexdigest() if key and _is_exact(file) else None
        with Growing(shared, self.folder / f"once-{os.getpid()}-{os.urandom(8).hex()}") as partial:
            digest, size = self._until_right(file, partial), partial.size_bytes
            self.job.store.adopt(partial.path, digest=digest)
            partial.spent = True
        if key:
            self.noted.note(key, digest)
        self.work.done(1)
        return Entry(file.path, digest, size), partial.came

    def _until_right(self, file: SourceFile, partial: Growing) -> str:
        """Fetch until the file is whole and verified; its digest. Once wrong, it is fetched again whole."""
        lines: tuple[str, ...] = ()
        for _ in range(2):
            was_empty = partial.size_bytes == 0
            self._patiently(file, partial)
            found = digests_of(partial.path, like=file)
            lines = found.differences(file)
            if not lines:
                return found.xxh128
            only_md5 = was_empty and len(lines) == 1 and found.md5 != file.md5
            if only_md5 and self.job.doubts and self.job.doubts(file, self.job.settings):
                return found.xxh128
            partial.restart()
        raise wrong_bytes(self.job.settings, file.url, lines)

    def _patiently(self, file: SourceFile, partial: Growing) -> None:
        for attempt in range(TRIES):
            before = partial.size_bytes
            try:
                return self._fill(file, partial)
            except Changed:
                partial.spent = True
                raise
            except NotNow:
                # A host that is silent is not asked four times; one that breaks off is, from where it was.
                if attempt == TRIES - 1 or (partial.size_bytes == before and attempt > 0):
                    raise
                self.work.pause(0.2 * 2**attempt)

    def _fill(self, file: SourceFile, partial: Growing) -> None:
        settings, there = self.job.settings, partial.size_bytes
        if file.size is not None and there == file.size and there:
            return
        if file.size is not None and there > file.size:
            partial.restart()
            there = 0
        reading = self.job.read(file, there, settings)
        if reading.start != there:
            partial.restart()
        with closing(reading.blocks) as blocks:
            for block in blocks:
                self.work.told(partial.append(block))
                if file.size is not None and partial.size_bytes > file.size:
                    raise changed(settings, file.url, f"it had {file.size} bytes and has more")
        if file.size is not None and partial.size_bytes < file.size:
            said = f"{display(file.path)} broke off after {partial.size_bytes} of {file.size} bytes"
            raise unreachable(settings, file.url, said)


def _sweep(folder: Path) -> None:
    """Remove partial files that nobody came back for. Raises nothing."""
    oldest = time.time() - FORGOTTEN_S
    try:
        for path in folder.iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
    except OSError:
        return


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
