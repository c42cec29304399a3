"""Manifests (what `xxhsum -c` reads) as values, and back. What is read was written by anybody.

A manifest is one `<xxh128 hex>  <path>` line for each file, sorted by the path's bytes. A path with a backslash, LF or
CR is escaped and its line starts with a backslash; every other byte is literal. A dataset's digest is that of its
manifest, so two layouts of the same lines (one file, or parts) have the same digest. A sha256 manifest, for
`sha256sum -c`, differs in its digests alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import ge
from typing import NamedTuple

from gitexp.record.digests import Digest
from gitexp.text.bounded import Unreadable

PART_LINES = 16384  # above this, a manifest is stored in parts
PART_MODULUS = 2048  # a part ends after a path whose CRC-32 is 0 modulo this
LONGEST_PATH = 32768
LARGEST_MANIFEST = 1 << 30
BLOCK = 1 << 16  # bytes of a manifest that are taken apart at a time
ALGORITHM = "xxh128"
HEX_DIGITS = 32

_ESCAPES = ((b"\\", b"\\\\"), (b"\n", b"\\n"), (b"\r", b"\\r"))
_UNESCAPED = {ord("n"): b"\n", ord("r"): b"\r"}


class Algorithm(NamedTuple):
    """What a manifest's digests are, and how long they are in text."""

    name: str
    hex_digits: int


XXH128 = Algorithm(ALGORITHM, HEX_DIGITS)
SHA256 = Algorithm("sha256", 64)


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
    ordered = sorted(entries)
    return b"".join(dump_lines(b"", [one.path for one in ordered], [one.digest.encode() for one in ordered]))


def dump_lines(prefix: bytes, names: Sequence[bytes], digests: Sequence[bytes]) -> list[bytes]:
    """A line for each file: `prefix` and its name are the path, the digest is in hexadecimal digits. In that order."""
    if not any(special in text for special, _ in _ESCAPES for text in (prefix, b"\0".join(names))):
        return [b"%b  %b%b\n" % (digest, prefix, name) for digest, name in zip(digests, names, strict=True)]
    lines = []
    for digest, name in zip(digests, names, strict=True):
        path = escaped = prefix + name
        for plain, written in _ESCAPES:
            escaped = escaped.replace(plain, written)
        lines.append(b"%b%b  %b\n" % (b"\\" if escaped != path else b"", digest, escaped))
    return lines


def parse_manifest(manifest: bytes, *, where: str = "manifest", algorithm: Algorithm = XXH128) -> list[Entry]:
    """The files of a manifest. Raises Unreadable, naming `where` and the line, for anything but the format."""
    if len(manifest) > LARGEST_MANIFEST:
        raise Unreadable(f"{where} has {len(manifest)} bytes; more than {LARGEST_MANIFEST} are not read")
    return list(parse_blocks(line_blocks(manifest), where=where, algorithm=algorithm))


def parse_blocks(blocks: Iterable[bytes], *, where: str = "manifest", algorithm: Algorithm = XXH128) -> Iterator[Entry]:
    """The same of a manifest that comes in pieces of whole lines, one of them in memory at a time."""
    before, above = b"", 0
    for block in blocks:
        lines = block.split(b"\n")
        if lines.pop():
            raise Unreadable(f"{where}:{above + len(lines) + 1}: the last line is cut off")
        for number, line in enumerate(lines, above + 1):
            try:
                path, digest = _parse_line(line, algorithm.hex_digits)
                if path <= before:
                    raise ValueError("the path is listed twice" if path == before else "the paths are not sorted")
            except ValueError as error:
                raise Unreadable(f"{where}:{number}: {error}") from error
            yield Entry(path, digest)
            before = path
        above += len(lines)


def _parse_line(line: bytes, hex_digits: int) -> tuple[bytes, str]:
    escaped = line.startswith(b"\\")
    start = hex_digits + escaped
    digest, path = line[escaped:start], line[start + 2 :]
    if len(digest) != hex_digits or digest.strip(b"0123456789abcdef") or line[start : start + 2] != b"  ":
        raise ValueError(f"not a digest of {hex_digits} hexadecimal digits, two spaces and a path")
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


def split_parts(manifest: bytes, *, algorithm: Algorithm = XXH128) -> Iterator[bytes] | None:
    """The manifest in parts whose ends depend on the paths around them only; None where one file holds it."""
    return _parts(manifest, algorithm) if manifest.count(b"\n") > PART_LINES else None


def _parts(manifest: bytes, algorithm: Algorithm) -> Iterator[bytes]:
    from zlib import crc32

    path_from = algorithm.hex_digits + 2
    begin = at = 0
    for block in line_blocks(manifest):
        lines = block.split(b"\n")
        lines.pop()
        if b"\\" in block:
            crcs = [crc32(_unescape(line[path_from + 1 :]) if line[0] == 92 else line[path_from:]) for line in lines]
        else:
            crcs = [crc32(line[path_from:]) for line in lines]
        end, before = at, 0
        for number in [number for number, crc in enumerate(crcs, 1) if crc % PART_MODULUS == 0]:
            end += sum(map(len, lines[before:number])) + number - before
            yield manifest[begin:end]
            begin, before = end, number
        at += len(block)
    if begin < len(manifest):
        yield manifest[begin:]


def line_blocks(manifest: bytes) -> Iterator[bytes]:
    """The manifest in pieces of whole lines, each some 64 KiB: what is made of one fits where the next will be."""
    begin = 0
    while begin < len(manifest):
        end = manifest.find(b"\n", begin + BLOCK) + 1 or len(manifest)
        yield manifest[begin:end]
        begin = end


def dump_sizes(sizes: Mapping[str, int]) -> bytes:
    """The text of artifacts.sizes: a line for each digest, in their order, with the bytes that it stands for."""
    return b"".join(b"%b  %d\n" % (digest.encode(), size) for digest, size in sorted(sizes.items()))


def load_sizes(blocks: Iterable[bytes], *, most: int) -> dict[str, int]:
    """Sizes in bytes by digest, of the first lines of anybody's artifacts.sizes; what is no such line is left out."""
    lines = (line for block in blocks for line in block.splitlines())
    pairs = (line.split(b"  ") for line in islice(lines, most))
    sound = (pair for pair in pairs if len(pair) == 2 and len(pair[0]) == HEX_DIGITS and len(pair[1]) < HEX_DIGITS)
    return {digest.decode("ascii", "replace"): int(size) for digest, size in sound if size.isdigit()}


def dataset_digest(manifest: bytes) -> Digest:
    """`xxh128:…` of the manifest's bytes."""
    from xxhash import xxh3_128_hexdigest

    return Digest.xxh128(xxh3_128_hexdigest(manifest))


def manifest_differences(a: bytes, b: bytes) -> ManifestDifferences:
    """What differs from manifest `a` to manifest `b`. Raises Unreadable."""
    return part_differences(line_blocks(a), line_blocks(b))


def part_differences(a: Iterable[bytes], b: Iterable[bytes]) -> ManifestDifferences:
    """The same for manifests in parts, one of each in memory at a time. Parts that both have may be left out.

    A line that differs is checked as parse_manifest checks it; of the others only that their paths are sorted. Raises
    Unreadable.
    """
    old, new = _Lines(a), _Lines(b)
    added: list[str] = []
    removed: list[str] = []
    changed: list[str] = []
    while True:
        while old.block is not None and old.block == new.block:
            old.skip()
            new.skip()
        if not old.read() | new.read():
            return ManifestDifferences(tuple(added), tuple(removed), tuple(changed))
        # Up to here all is known of both: a part may end sooner in one than in the other, or hold what moved there.
        until = min(side.paths[-1] for side in (old, new) if side.paths)
        before, after = old.take(until), new.take(until)
        if before == after:
            continue
        for path, line in after.items():
            if before.get(path) != line:
                (changed if path in before else added).append(_differing(path, line))
                if path in before:
                    _differing(path, before[path])
        removed += [_differing(path, before[path]) for path in before if path not in after]


class _Lines:
    """The lines of a manifest: a part of them, read and not taken yet, and the part behind it as it stands."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self._next: bytes | None = None
        self._last = b""  # the path before those that are read next
        self.paths: list[bytes] = []
        self._lines: list[bytes] = []
        self.skip()

    @property
    def block(self) -> bytes | None:
        """What is to be read next; None: there are lines before it, or nothing is left."""
        return None if self.paths else self._next

    def skip(self) -> None:
        """Go past what would be read next."""
        self._next = next((part for part in self._parts if part), None)

    def read(self) -> bool:
        """Have lines, if any are left. Raises Unreadable."""
        part = self.block
        if part is None:
            return bool(self.paths)
        lines = part.split(b"\n")
        if lines.pop():
            raise Unreadable("part of a manifest: the last line is cut off")
        paths = [_path_of(line) for line in lines] if b"\\" in part else [line[HEX_DIGITS + 2 :] for line in lines]
        if paths[0] <= self._last or any(map(ge, paths, paths[1:])):
            parse_manifest(part, where="part of a manifest")  # tells the line that is wrong
            raise Unreadable("manifest: the parts are not in order")
        self.paths, self._lines, self._last = paths, lines, paths[-1]
        self.skip()
        return True

    def take(self, until: bytes) -> dict[bytes, bytes]:
        """The lines by path, up to that path."""
        from bisect import bisect_right

        number = bisect_right(self.paths, until)
        taken = dict(zip(self.paths[:number], self._lines[:number], strict=True))
        self.paths, self._lines = self.paths[number:], self._lines[number:]
        return taken


def _path_of(line: bytes) -> bytes:
    try:
        return _unescape(line[HEX_DIGITS + 3 :]) if line.startswith(b"\\") else line[HEX_DIGITS + 2 :]
    except ValueError as error:
        raise Unreadable(f"manifest: {error}") from error


def _differing(path: bytes, line: bytes) -> str:
    """The path for people, once its line is known to be one."""
    try:
        _parse_line(line, HEX_DIGITS)
    except ValueError as error:
        raise Unreadable(f"manifest: the line of {display(path)}: {error}") from error
    return display(path)


def display(path: bytes) -> str:
    """A path for people: as UTF-8, other bytes as \\xNN."""
    return path.decode("utf-8", "backslashreplace")
