"""Save what a program left in its run's folder for artifacts: bytes into the object store, and lists for the record."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gitexp import runfolder
from gitexp.attempt import Kept
from gitexp.datasets.place import Place
from gitexp.datasets.progress import Watch
from gitexp.record.manifest import line_blocks, parse_blocks

SHOWS_LIFE = 1000  # after so many files


def save_artifacts(folder: Path, place: Place, watch: Watch, *, algorithms: Sequence[str]) -> Kept:
    """What lies in the run's folder for artifacts; the caller holds its record.lock. Raises OSError.

    Many files for one wait for the disk. Most runs save none, and load nothing that hashes.
    """
    saved = folder / runfolder.SAVED
    if not saved.is_dir():
        return Kept(
            dict.fromkeys(algorithms, b""), problems=("not kept: what was saved; the program removed its folder",)
        )
    if not any(saved.iterdir()):
        return Kept(dict.fromkeys(algorithms, b""))
    from gitexp.datasets.build import build_readable, manifests_of

    with watch("hashing artifacts") as progress:
        built, unreadable = build_readable(saved, algorithms=algorithms, progress=progress)
    sizes: dict[str, int] = {}
    with watch("storing artifacts") as progress, place.store.batch() as batch:
        progress.expect(files=built.files, size_bytes=built.size_bytes)
        for number, entry in enumerate(parse_blocks(line_blocks(built.manifest))):
            if number % SHOWS_LIFE == 0:
                with suppress(FileNotFoundError):  # the program may have removed it
                    os.utime(folder / runfolder.RECORD_LOCK)  # for other machines (see worker/life.py)
            path = saved / os.fsdecode(entry.path)
            with suppress(FileNotFoundError):
                sizes[entry.digest] = path.stat().st_size
            batch.take(path, digest=entry.digest)
            progress.advance(files=1, size_bytes=sizes.get(entry.digest, 0))
    problems = tuple(f"not kept: {problem.what}" for problem in unreadable)
    return Kept(manifests_of(built), built.files, built.size_bytes, problems, sizes)
