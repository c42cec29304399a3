"""Manifests (what `xxhsum -c` reads) and data.toml as values, and back. What is read was written by anybody.

A manifest is one `<xxh128 hex>  <path>` line for each file, sorted by the path's bytes. A path with a backslash, LF or
CR is escaped and its line starts with a backslash; every other byte is literal. A dataset's digest is that of its
manifest, so two layouts of the same lines (one file, or parts) have the same digest.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from gitexp.model.run import Unreadable, as_plain

PART_LINES = 16384  # above this, a manifest is stored in parts
PART_MODULUS = 2048  # a part ends after a path whose CRC-32 is 0 modulo this
LONGEST_PATH = 32768
LARGEST_MANIFEST = 1 << 30
ALGORITHM = "xxh128"
HEX_DIGITS = 32

_ESCAPES = ((b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r"))
_UNESCAPED = {ord("n"): b"\n", ord("r"): b"\r"}


class Entry(NamedTuple):
    """One file. The digest is 32 hexadecimal digits; `size` is None where only the manifest was read."""

    path: bytes
    digest: str
    size: int | None = None


class ManifestDifferences(NamedTuple):
    """Paths as text, what is not UTF-8 as \\xNN; sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def dump_manifest(entries: Iterable[Entry]) -> bytes:
    """The manifest of these files, in any order."""
    return b"".join(map(_line, sorted(entries)))


def _line(entry: Entry) -> bytes:
    path = entry.path
    if b"\\" in path or b"\n" in path or b"\r" in path:
        for plain, escaped in _ESCAPES:
            path = path.replace(plain, escaped)
        return b"\\%b  %b\n" % (entry.digest.encode(), path)
    return b"%b  %b\n" % (entry.digest.encode(), path)


def parse_manifest(manifest: bytes, *, where: str = "manifest") -> list[Entry]:
    """The files of a manifest. Raises Unreadable, naming `where` and the line, for anything but the format."""
    if len(manifest) > LARGEST_MANIFEST:
        raise Unreadable(f"{where} has {len(manifest)} bytes; more than {LARGEST_MANIFEST} are not read")
    if not manifest:
        return []
    lines = manifest.split(b"\n")
    if lines.pop():
        raise Unreadable(f"{where}:{len(lines) + 1}: the last line is cut off")
    entries: list[Entry] = []
    before = b""
    for number, line in enumerate(lines, 1):
        try:
            path, digest = _parse_line(line)
            if path <= before:
                raise ValueError("the path is listed twice" if path == before else "the paths are not sorted")
        except ValueError as error:
            raise Unreadable(f"{where}:{number}: {error}") from error
        entries.append(Entry(path, digest))
        before = path
    return entries


def _parse_line(line: bytes) -> tuple[bytes, str]:
    escaped = line.startswith(b"\\")
    start = HEX_DIGITS + escaped
    digest, path = line[escaped:start], line[start + 2 :]
    if len(digest) != HEX_DIGITS or digest.strip(b"0123456789abcdef") or line[start : start + 2] != b"  ":
        raise ValueError("not a digest of 32 hexadecimal digits, two spaces and a path")
    if escaped:
        path, raw = _unescape(path), path
        if path == raw:
            raise ValueError("marked as escaped, but nothing in it is")
    elif b"\\" in path or b"\r" in path:
        raise ValueError("a backslash or CR that is not escaped")
    if len(path) > LONGEST_PATH or b"\0" in path:
        raise ValueError(f"a path with a zero byte, or longer than {LONGEST_PATH} bytes")
    if path.startswith(b"/") or any(part in (b"", b".", b"..") for part in path.split(b"/")):
        raise ValueError(f"the path {display(path)} is empty, absolute, or leads elsewhere")
    return path, digest.decode()


def _unescape(path: bytes) -> bytes:
    first, *others = path.split(b"\\")
    plain = [first]
    others_left = iter(others)
    for part in others_left:
        if part == b"":  # an escaped backslash splits into two
            plain += [b"\\", next(others_left, b"")]
        elif part[0] in _UNESCAPED:
            plain += [_UNESCAPED[part[0]], part[1:]]
        else:
            raise ValueError("an escape other than \\\\, \\n and \\r")
    if len(path) - len(path.rstrip(b"\\")) & 1:
        raise ValueError("a backslash at the end that escapes nothing")
    return b"".join(plain)


def split_parts(manifest: bytes) -> list[bytes] | None:
    """The manifest in parts whose ends depend on the paths around them only; None where one file holds it."""
    if manifest.count(b"\n") <= PART_LINES:
        return None
    from zlib import crc32

    parts, begin, at = [], 0, 0
    while at < len(manifest):
        end = manifest.index(b"\n", at) + 1
        escaped = manifest[at] == ord("\\")
        path = manifest[at + escaped + HEX_DIGITS + 2 : end - 1]
        if crc32(_unescape(path) if escaped else path) % PART_MODULUS == 0:
            parts.append(manifest[begin:end])
            begin = end
        at = end
    if begin < len(manifest):
        parts.append(manifest[begin:])
    return parts


def dataset_digest(manifest: bytes) -> str:
    """`xxh128:…` of the manifest's bytes."""
    from xxhash import xxh3_128_hexdigest

    return f"{ALGORITHM}:{xxh3_128_hexdigest(manifest)}"


def manifest_differences(a: bytes, b: bytes) -> ManifestDifferences:
    """What differs from manifest `a` to manifest `b`. Raises Unreadable."""
    old = {entry.path: entry.digest for entry in parse_manifest(a)}
    new = {entry.path: entry.digest for entry in parse_manifest(b)}
    return ManifestDifferences(
        added=tuple(display(path) for path in new if path not in old),
        removed=tuple(display(path) for path in old if path not in new),
        changed=tuple(display(path) for path, digest in new.items() if old.get(path, digest) != digest),
    )


def display(path: bytes) -> str:
    """A path for people: as UTF-8, other bytes as \\xNN."""
    return path.decode("utf-8", "backslashreplace")


class DatasetRecord(NamedTuple):
    """A dataset as data.toml states it. None: not recorded."""

    name: str
    path: str | None = None  # relative to the repository's root, or absolute
    url: str | None = None
    kind: str = "data"  # or "model", "binary"
    digest: str | None = None
    files: int | None = None
    size_bytes: int | None = None
    source: str | None = None
    license: str | None = None
    access: str | None = None
    sampling: str | None = None
    split: str | None = None
    lineage: str | None = None


def dump_data(records: Iterable[DatasetRecord]) -> str:
    """The text of data.toml, a table for each dataset, by name."""
    import tomli_w

    tables = {record.name: as_plain(record) for record in sorted(records, key=lambda record: record.name)}
    return tomli_w.dumps({name: {k: v for k, v in table.items() if k != "name"} for name, table in tables.items()})


def load_data(text: str, *, where: str = "data.toml") -> dict[str, DatasetRecord]:
    """Parse data.toml. Unknown keys are ignored. Raises Unreadable, naming `where`."""
    try:
        tables = tomllib.loads(text)
        return {name: DatasetRecord(name, **dict(_known(table))) for name, table in tables.items()}
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{where} is not valid TOML: {error}") from error
    except TypeError as error:
        raise Unreadable(f"{where} breaks the record format: {error}") from error


def _known(table: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(table, Mapping):
        raise TypeError("each dataset must be a table")
    for name in DatasetRecord._fields[1:]:
        value = table.get(name)
        if value is None:
            continue
        kind = int if name in ("files", "size_bytes") else str
        if type(value) is not kind:
            raise TypeError(f"{name} must be {kind.__name__}, not {type(value).__name__}")
        yield name, value
