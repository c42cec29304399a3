"""Manifests to their entries, by section 7 of docs/format.md alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from zlib import crc32

LINE = re.compile(rb"(\\?)([0-9a-f]{32})  ([^\n]+)\n")
PLAIN = {b"\\\\": b"\\", b"\\n": b"\n", b"\\r": b"\r"}


def joined(files: dict[str, bytes], name: str) -> bytes:
    """The manifest's bytes, whether it is one file or a folder of parts."""
    return files[name] if name in files else b"".join(files[part] for part in parts_of(files, name))


def parts_of(files: dict[str, bytes], name: str) -> list[str]:
    """The parts of a manifest that is a folder."""
    return sorted(part for part in files if part.startswith(f"{name}/"))


def check_manifest(files: dict[str, bytes], name: str) -> tuple[list[tuple[bytes, str]], list[str]]:
    """Its paths with their digests, and what it breaks of the format."""
    entries: list[tuple[bytes, str]] = []
    problems = []
    text = joined(files, name)
    for line in text.splitlines(keepends=True) if b"\r" not in text else re.findall(rb"[^\n]*\n?", text)[:-1]:
        found = LINE.fullmatch(line)
        if found is None:
            return entries, [f"{line!r} is no line of a manifest"]
        path = re.sub(rb"\\.", lambda match: PLAIN.get(match[0], b"?"), found[3]) if found[1] else found[3]
        if bool(found[1]) != bool(re.search(rb"[\\\r\n]", path)) or (not found[1] and b"\\" in found[3]):
            problems.append(f"{line!r} is not escaped as it should be")
        if path.startswith(b"/") or {b"", b".", b".."} & set(path.split(b"/")):
            problems.append(f"{path!r} is no path below the dataset's folder")
        entries.append((path, found[2].decode()))
    paths = [path for path, _ in entries]
    if paths != sorted(set(paths)):
        problems.append("its paths are not in order, or not each once")
    return entries, [*problems, *_check_parts(files, name, len(entries))]


def _check_parts(files: dict[str, bytes], name: str, count: int) -> Iterator[str]:
    parts = parts_of(files, name)
    if bool(parts) != (count > 16_384) and name.startswith("data/"):
        yield f"has {count} lines in {len(parts)} parts"
    if [part.rpartition("/")[2] for part in parts] != [f"{number:06d}" for number in range(len(parts))]:
        yield f"its parts are {parts}"
    for part in parts:
        ends = [_ends_part(line) for line in files[part].splitlines(keepends=True)]
        if True in ends[:-1] or (not ends[-1] and part != parts[-1]):
            yield f"{part} does not end where it should"


def _ends_part(line: bytes) -> bool:
    escaped, _, path = LINE.fullmatch(line).groups()  # type: ignore[union-attr]
    plain = re.sub(rb"\\.", lambda match: PLAIN[match[0]], path) if escaped else path
    return crc32(plain) % 2_048 == 0
