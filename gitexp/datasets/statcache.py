"""What was hashed last time, on disk: a file for each dataset, by its real path. Only a cache: nothing needs it.

    <folder>/paths/<hex>      the sections of the dataset at that path (columns; see sections.py), with a checksum
    <folder>/manifests/<hex>  the manifest whose xxh128 that is, read-only: run folders link to it
    <folder>/stored/<hex>     the id of the git object that holds that manifest

Each is written whole, so that any number of processes may use one folder. A damaged, foreign or newer file counts as
none, and a folder that cannot be written to is no error.
"""

from __future__ import annotations

import os
import sys
from array import array
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from xxhash import xxh3_128, xxh3_128_digest, xxh3_128_hexdigest

from gitexp.datasets.sections import STAT, Section, Span
from gitexp.record.manifest import ALGORITHM
from gitexp.wholefile import WholeFile, write_note

MAGIC = b"gitexp statcache 1 %b\n" % sys.byteorder.encode()
CHECKSUM = 16
HEADER_LIMIT = 1 << 16
FORGOTTEN_S = 30 * 86400  # what was not written for so long may go, if nothing needs it
MOST_BYTES = 1 << 30  # of all together: a million files take some 160 MB


class Cached(NamedTuple):
    """A dataset as it was last built. The digests are the xxh128 of the manifests, as hexadecimal digits."""

    sections: Mapping[bytes, Section]
    manifest: str
    sha256_manifest: str  # empty: there is none


class StatCache:
    """The caches in one folder, which need not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, path: Path, *, sha256: bool = False) -> Cached | None:
        """What is known of the dataset at `path`; None: nothing."""
        name, root = _name(path, sha256=sha256)
        try:
            content = _read(self.folder / "paths" / name)
        except OSError:
            return None
        start = len(MAGIC) + CHECKSUM
        body = memoryview(content)[start:]
        if not content.startswith(MAGIC) or xxh3_128_digest(body) != content[len(MAGIC) : start]:
            return None
        known, cached = _load(content, start)
        return cached if known == root else None  # two paths with one xxh128

    def save(self, path: Path, cached: Cached, manifests: Iterable[bytes], *, sha256: bool = False) -> None:
        """Remember a build and keep its manifests. Raises nothing: what cannot be written is not there next time."""
        name, root = _name(path, sha256=sha256)
        try:
            for folder in ("paths", "manifests"):
                (self.folder / folder).mkdir(parents=True, exist_ok=True)
            for manifest in manifests:
                target = self.folder / "manifests" / xxh3_128_hexdigest(manifest)
                if not target.exists():
                    with WholeFile(target, mode=0o444) as file:
                        file.write(manifest)
            columns = _columns(root, cached)
            checksum = xxh3_128()
            for column in columns:
                checksum.update(column)
            with WholeFile(self.folder / "paths" / name) as file:
                file.writelines([MAGIC, checksum.digest(), *columns])
            self._sweep()
        except OSError:
            pass

    def manifest_file(self, digest: str) -> Path | None:
        """The manifest of a dataset's digest, as a file to link to or copy; None: not here."""
        path = self.folder / "manifests" / digest.removeprefix(f"{ALGORITHM}:")
        return path if path.is_file() else None

    def read_manifest(self, digest: str) -> bytes | None:
        """The same, read and verified."""
        digits = digest.removeprefix(f"{ALGORITHM}:")
        path = self.folder / "manifests" / digits
        try:
            content = _read(path)
            if xxh3_128_hexdigest(content) == digits:
                return content
            path.unlink()
        except OSError:
            pass
        return None

    def note_stored(self, digest: str, oid: str) -> None:
        """The git object (a blob, or a tree of parts) holds the manifest of that digest. Raises nothing."""
        write_note(self.folder / "stored" / digest.removeprefix(f"{ALGORITHM}:"), oid.encode())

    def stored_oid(self, digest: str) -> str | None:
        """The git object that held the manifest of that digest; whether it is still there, git knows."""
        try:
            oid = _read(self.folder / "stored" / digest.removeprefix(f"{ALGORITHM}:")).decode("ascii")
        except (OSError, ValueError):
            return None
        return oid if len(oid) in (40, 64) and not oid.strip("0123456789abcdef") else None

    def _sweep(self) -> None:
        """Remove what has not been written for a month: caches of paths that are gone, manifests nothing refers to.

        And as much more as is too much: first manifests nothing refers to, then what was written longest ago.
        """
        import time

        before = time.time() - FORGOTTEN_S
        needed: set[str] = set()
        for path in (self.folder / "paths").iterdir():
            root, *manifests = _heading(path)
            if path.stat().st_mtime < before and not os.path.exists(root):
                path.unlink(missing_ok=True)
            else:
                needed.update(manifest.decode("ascii", "replace") for manifest in manifests)
        left: list[tuple[bool, float, int, Path]] = []
        for folder in ("manifests", "stored", "paths"):
            for path in (self.folder / folder).iterdir() if (self.folder / folder).is_dir() else ():
                found, wanted = path.stat(), folder == "paths" or path.name in needed
                if not wanted and found.st_mtime < before:
                    path.unlink(missing_ok=True)
                else:
                    left.append((wanted, found.st_mtime, found.st_size, path))
        too_much = sum(size for _, _, size, _ in left) - MOST_BYTES
        for *_, size, path in sorted(left):
            if too_much <= 0:
                break
            path.unlink(missing_ok=True)
            too_much -= size


def _name(path: Path, *, sha256: bool) -> tuple[str, bytes]:
    root = os.fsencode(os.path.realpath(path))
    # With sha256 the columns are others: a dataset that is used both ways has two caches.
    return xxh3_128_hexdigest(root + (b"\0sha256" if sha256 else b"")), root


def _columns(root: bytes, cached: Cached) -> list[bytes]:
    """The file behind its checksum: columns over all sections, each with its length before it."""
    sections = list(cached.sections.values())
    numbers = array(
        "Q", [n for s in sections for n in (len(s.stats) // STAT, len(s.names), len(s.children), len(s.spans))]
    )
    spans = [span for section in sections for span in section.spans]
    columns = [
        root,
        cached.manifest.encode(),
        cached.sha256_manifest.encode(),
        b"".join([section.prefix + b"\0" for section in sections]),
        numbers.tobytes(),
        b"".join([section.children for section in sections]),
        b"".join([section.names for section in sections]),
        b"".join([section.stats for section in sections]),
        b"".join([section.digests for section in sections]),
        b"".join([section.sha256 for section in sections]),
        b"".join([span.key + b"\0" for span in spans]),
        array("Q", [n for span in spans for n in (span.start, span.length)]).tobytes(),
    ]
    return [part for column in columns for part in (len(column).to_bytes(8, sys.byteorder), column)]


def _load(content: bytes, at: int) -> tuple[bytes, Cached]:
    """The path and the sections of a file whose checksum is right."""
    bounds = []
    while at < len(content):
        length = int.from_bytes(content[at : at + 8], sys.byteorder)
        bounds.append((at + 8, at + 8 + length))
        at += 8 + length
    root, manifest, sha256_manifest, prefixes, numbers, *_ = (content[start:end] for start, end in bounds[:5])
    counts = array("Q", numbers)
    rows, names, children, spans = ([0, *accumulate(counts[column::4])] for column in range(4))
    at_children, at_names, at_stats, at_digests, at_sha256 = (start for start, _ in bounds[5:10])
    wide = 32 if bounds[9][1] > at_sha256 else 0
    keys = content[slice(*bounds[10])].split(b"\0")
    ranges = array("Q", content[slice(*bounds[11])])
    all_spans = list(map(Span, keys[:-1], ranges[::2], ranges[1::2]))
    sections = {}
    for number, prefix in enumerate(prefixes.split(b"\0")[:-1]):
        first, last = rows[number], rows[number + 1]
        sections[prefix] = Section(
            prefix,
            content[at_children + children[number] : at_children + children[number + 1]],
            content[at_names + names[number] : at_names + names[number + 1]],
            content[at_stats + first * STAT : at_stats + last * STAT],
            content[at_digests + first * 16 : at_digests + last * 16],
            content[at_sha256 + first * wide : at_sha256 + last * wide],
            tuple(all_spans[spans[number] : spans[number + 1]]),
        )
    return root, Cached(sections, manifest.decode("ascii"), sha256_manifest.decode("ascii"))


def _heading(path: Path) -> list[bytes]:
    """The dataset's path and its manifests, from the beginning of a cache file; of a damaged one whatever is there."""
    with path.open("rb") as file:
        file.seek(len(MAGIC) + CHECKSUM)
        return [file.read(min(HEADER_LIMIT, int.from_bytes(file.read(8), sys.byteorder))) for _ in range(3)]


def _read(path: Path) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()
