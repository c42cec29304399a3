"""A text file, gzip or not, to lines. What is not UTF-8, and NUL, is let through and noticed; the rest is an error."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import IO

from gitexp.regularfile import open_regular
from gitexp.tables.rows.readers.pieces import Damaged, Options

BLOCK = 1 << 20
LONGEST_LINE = 1 << 26
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"


class TextLines:
    """The lines of a file with their ends, to be iterated over once. `newline` as for StringIO."""

    def __init__(self, path: Path, options: Options, *, newline: str) -> None:
        self.suspicious = False  # a block so far held what is not UTF-8, or NUL
        self.consumed = 0  # characters of the blocks so far
        self._blocks = self._decoded(path, options)
        self.first = next(self._blocks, "")
        blocks = chain([self.first], self._blocks)
        self._lines: Iterator[str] = chain.from_iterable(StringIO(block, newline=newline) for block in blocks)

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def _decoded(self, path: Path, options: Options) -> Iterator[str]:
        for block in _whole_lines(_read(path, options)):
            if not self.consumed:
                if block.startswith(_UTF16):
                    from shlex import quote  # `gzip -dcf` passes on what is not packed

                    old, new = quote(str(path)), quote(f"utf8-{path.name}")
                    raise Damaged(
                        f"is UTF-16, not UTF-8; convert it: gzip -dcf {old} | iconv -f UTF-16 -t UTF-8 >{new}"
                    )
                block = block.removeprefix(_UTF8_MARK)
            try:
                text = block.decode()
            except UnicodeDecodeError:
                text, self.suspicious = block.decode("utf-8", "surrogateescape"), True
            self.suspicious |= b"\0" in block
            self.consumed += len(text)
            yield text


def damage_in(cell: str) -> str | None:
    """What is wrong with the characters of a cell, if anything."""
    if "\0" in cell:
        return "holds a NUL byte"
    try:
        cell.encode()
    except UnicodeEncodeError as error:
        return f"holds a byte that is not UTF-8: 0x{ord(cell[error.start]) & 0xFF:02x}"
    return None


def _read(path: Path, options: Options) -> Iterator[bytes]:
    with open(open_regular(path)[0], "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        source: IO[bytes] = gzip.GzipFile(fileobj=raw) if packed else raw  # type: ignore[assignment]
        before = 0
        try:
            while block := source.read(BLOCK):
                yield block
                now = raw.tell()
                options.moved(now - before)
                before = now
        except EOFError as error:
            raise Damaged("is cut off: its gzip stream has no end") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise Damaged(f"is damaged: its gzip stream cannot be unpacked ({error})") from error


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, in blocks that end where a line does."""
    waiting: list[bytes] = []
    size = 0
    for block in blocks:
        end = block.rfind(b"\n") + 1 or block.rfind(b"\r", 0, -1) + 1  # some still end lines as the first Macs did
        if not end:
            waiting.append(block)
            size += len(block)
            if size > LONGEST_LINE:
                raise Damaged(f"has a line of more than {LONGEST_LINE >> 20} MiB: is it a table at all?")
            continue
        yield b"".join([*waiting, block[:end]])
        waiting, size = [block[end:]], len(block) - end
    rest = b"".join(waiting)
    if rest:
        yield rest
