"""A file or folder to its manifest, and later, cheaply, to what has changed since. Writes nothing but its cache."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp.datasets.gather import gather
from gitexp.datasets.hashing import Hasher
from gitexp.datasets.sections import Section, Span, lines_of, patched, sizes, stats_of
from gitexp.datasets.walk import Problem, folders
from gitexp.errors import Refused, beyond
from gitexp.record.digests import Digest
from gitexp.record.manifest import SHA256, XXH128, Algorithm, Entry, dataset_digest, display

if TYPE_CHECKING:
    from gitexp.datasets.progress import Progress
    from gitexp.datasets.statcache import Cached, StatCache

SHOWN = 20
MANY_FILES = 100_000
FEW_FILES, FEW_BYTES = 64, 1 << 22  # so little is hashed again as fast as its cache is read


class Built(NamedTuple):
    """A dataset that was hashed."""

    path: Path
    manifest: bytes
    digest: Digest
    files: int
    size_bytes: int
    sections: Mapping[bytes, Section]  # by folder
    sha256: bytes | None = None  # the sha256 manifest; None: not asked for

    def entries(self) -> Iterator[Entry]:
        """Its files with their sizes, in no particular order."""
        for section in self.sections.values():
            digits = section.digests.hex()
            for number, (name, size) in enumerate(zip(section.names.split(b"\0"), sizes(section.stats), strict=False)):
                yield Entry(section.prefix + name, digits[32 * number : 32 * number + 32], size)


def build_manifest(
    path: Path,
    *,
    cache: StatCache | None = None,
    algorithms: Sequence[str] = ("xxh128",),
    progress: Progress | None = None,
) -> Built:
    """Hash a file or folder; with a cache, only what changed since. `algorithms`: xxh128, and sha256 where asked.

    Raises Refused, naming the file, for anything in it that cannot be hashed.
    """
    built, problems = build_readable(path, cache=cache, algorithms=algorithms, progress=progress)
    if problems:
        raise _refusal(path, problems)
    return built


def _refusal(path: Path, problems: Sequence[Problem]) -> Refused:
    more = beyond(len(problems), SHOWN)
    fix = next((problem.fix for problem in problems if problem.fix), "")
    return Refused(
        f"{display(os.fsencode(path))} cannot be hashed: {problems[0].what}",
        details=[*(f"  {problem.what}" for problem in problems[:SHOWN]), *more] if len(problems) > 1 else (),
        why="A dataset is recorded by the content of every file in it.",
        fix=fix if path.is_dir() else "correct the path of the dataset",
    )


def is_as_large(path: Path, *, files: int | None, size_bytes: int | None) -> bool:
    """Whether a file or folder has so many files and bytes; no more is looked at, and nothing is read."""
    left, left_bytes = files or 0, size_bytes or 0
    for folder in folders(os.fsencode(path)):
        for batch in folder.batches():
            left, left_bytes = left - len(batch), left_bytes - sum(sizes(stats_of(batch)))
            if left < 0 or left_bytes < 0:
                return False
    return files is not None and left == left_bytes == 0


def manifests_of(built: Built) -> dict[str, bytes]:
    """By algorithm: the one that names the dataset, and the strong one where it was asked for."""
    return {"xxh128": built.manifest} | ({} if built.sha256 is None else {"sha256": built.sha256})


def strong_digest(manifest: bytes) -> Digest:
    """`sha256:…` of a manifest's bytes."""
    from hashlib import sha256

    return Digest(f"sha256:{sha256(manifest).hexdigest()}")


def build_readable(
    path: Path,
    *,
    cache: StatCache | None = None,
    algorithms: Sequence[str] = ("xxh128",),
    progress: Progress | None = None,
) -> tuple[Built, tuple[Problem, ...]]:
    """Hash what can be hashed of a file or folder, and name what cannot (sorted). Raises nothing."""
    sha256 = SHA256.name in algorithms
    cached = cache.load(path, sha256=sha256) if cache is not None else None
    known = cached.sections if cached is not None else {}
    sections, problems = _gather(path, known, sha256=sha256, progress=progress)
    manifests = _kept_manifests(cache, cached, sections)
    if manifests is None:
        old = cache.read_manifest(cached.manifest) if cache is not None and cached is not None else None
        manifest, sections = _assemble(sections, known if old is not None else {}, old or b"")
        manifests = manifest, _whole(sections, SHA256) if sha256 else None
    manifest, strong = manifests
    files = sum(section.files for section in sections.values())
    size_bytes = sum(section.size_bytes for section in sections.values())
    built = Built(path, manifest, dataset_digest(manifest), files, size_bytes, sections, strong)
    if cache is not None and (cached is not None or files > FEW_FILES or size_bytes > FEW_BYTES):
        _remember(cache, cached, built)
    return built, tuple(sorted(problems))


def _gather(
    path: Path, known: Mapping[bytes, Section], *, sha256: bool, progress: Progress | None
) -> tuple[dict[bytes, Section], list[Problem]]:
    """The sections of what is there now; those that are unchanged are those that were known."""
    began_ns, root = time.time_ns(), os.fsencode(path)
    hasher = Hasher(sha256=sha256, progress=progress, measure=lambda: _measure(root))
    sections: dict[bytes, Section] = {}
    problems: list[Problem] = []
    try:
        for folder in folders(root):
            section = gather(folder, known.get(folder.prefix), hasher, began_ns=began_ns)
            if section.stats:
                sections[folder.prefix] = section
            problems += folder.problems
    finally:
        hasher.close()
    return sections, problems


def _measure(root: bytes) -> tuple[int, int]:
    """Files and bytes in all; of many files their number alone (0 bytes): to look at each takes a fifth of hashing."""
    files = size_bytes = 0
    for folder in folders(root):
        for batch in folder.batches():
            files += len(batch)
            if files <= MANY_FILES:
                size_bytes += sum(sizes(stats_of(batch)))
    return files, size_bytes if files <= MANY_FILES else 0


def _kept_manifests(
    cache: StatCache | None, cached: Cached | None, sections: dict[bytes, Section]
) -> tuple[bytes, bytes | None] | None:
    """The manifests of the last build, if they are still right and still there. Gives `sections` their spans back."""
    if cache is None or cached is None or sections.keys() != cached.sections.keys():
        return None
    for prefix, section in sections.items():
        old = cached.sections[prefix]
        if section is not old:
            if (section.names, section.children, section.digests) != (old.names, old.children, old.digests):
                return None
            sections[prefix] = section._replace(spans=old.spans)
    manifest = cache.read_manifest(cached.manifest)
    strong = cache.read_manifest(cached.sha256_manifest) if cached.sha256_manifest else None
    if manifest is None or (strong is None and cached.sha256_manifest):
        return None
    return manifest, strong


def _assemble(
    sections: Mapping[bytes, Section], known: Mapping[bytes, Section], manifest: bytes
) -> tuple[bytes, dict[bytes, Section]]:
    """The manifest, and the sections with the places of their lines in it. `manifest` is that of `known`."""
    groups: list[tuple[bytes, bytes, bytes]] = []
    for prefix, section in sections.items():
        old, lines = known.get(prefix), None
        if old is not None:
            before = [(span.key, manifest[span.start : span.start + span.length]) for span in old.spans]
            lines = patched(before, old, section)
        if lines is None:
            lines = lines_of(section, XXH128)
        groups += [(key, text, prefix) for key, text in lines]
    groups.sort()
    spans: dict[bytes, list[Span]] = {prefix: [] for prefix in sections}
    start = 0
    for key, text, prefix in groups:
        spans[prefix].append(Span(key, start, len(text)))
        start += len(text)
    placed = {prefix: section._replace(spans=tuple(spans[prefix])) for prefix, section in sections.items()}
    return b"".join([text for _, text, _ in groups]), placed


def _whole(sections: Mapping[bytes, Section], algorithm: Algorithm) -> bytes:
    groups = sorted(group for section in sections.values() for group in lines_of(section, algorithm))
    return b"".join([text for _, text in groups])


def _remember(cache: StatCache, cached: Cached | None, built: Built) -> None:
    from gitexp.datasets.statcache import Cached

    digest = built.digest.digits
    if cached is not None and digest == cached.manifest and cached.sections.keys() == built.sections.keys():
        has_manifests = cache.manifest_file(digest) and cache.manifest_file(cached.sha256_manifest or digest)
        if has_manifests and all(built.sections[prefix] is section for prefix, section in cached.sections.items()):
            return  # as it was
    strong = dataset_digest(built.sha256) if built.sha256 is not None else ""
    fresh = Cached(built.sections, digest, Digest(strong).digits)
    manifests = [built.manifest] if built.sha256 is None else [built.manifest, built.sha256]
    cache.save(built.path, fresh, manifests, sha256=built.sha256 is not None)


def changed_since(built: Built) -> list[str]:
    """Paths that were added, removed or changed since, sorted, as text. Raises nothing.

    A file whose size, times and inode are as they were is not read again, unless it was written so shortly before it
    was hashed that these could not tell.
    """
    known = {prefix: section._replace(sha256=b"") for prefix, section in built.sections.items()}
    gone = not os.path.exists(built.path)
    found, problems = ({}, []) if gone else _gather(built.path, known, sha256=False, progress=None)
    paths = {problem.relative for problem in problems}
    for prefix in known.keys() | found.keys():
        before, after = known.get(prefix), found.get(prefix)
        if before is not after:
            paths |= {path for path, _ in _contents(before) ^ _contents(after)}
    return [display(path) or "the folder" for path in sorted(paths)]  # a folder that cannot be read has no name in it


def _contents(section: Section | None) -> set[tuple[bytes, bytes]]:
    if section is None:
        return set()
    digests = [section.digests[at : at + 16] for at in range(0, len(section.digests), 16)]
    return {(section.prefix + name, one) for name, one in zip(section.names.split(b"\0"), digests, strict=False)}
