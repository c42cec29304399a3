"""numpy's .npy arrays to pieces of numbers or texts, by the format's own description: numpy is not needed.

Arrays of Python objects are pickles, which would execute what they hold: they are refused.
"""

from __future__ import annotations

import math
import os
import re
import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from gitexp.regularfile import open_regular
from gitexp.tables.rows.readers.pieces import Damaged, Head, Items, Options, Piece

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 1 << 16
PIECE_BYTES = 1 << 20
_CODES = {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "f4": "f", "f8": "d"}
_KINDS = {"u": "uint", "i": "int", "f": "float"}
_SHARD = re.compile(r"[-_.]\d+(?:-of-\d+)?$")


class Layout(NamedTuple):
    """What the header says. `descr` is numpy's: byte order, kind, bytes (of text: characters)."""

    descr: str
    columns_first: bool
    shape: tuple[int, ...]
    data_at: int
    item_bytes: int

    @property
    def items(self) -> int:
        return math.prod(self.shape)


class RowsOf(Sequence[int]):
    """The row of each item from `first` on: rows lie one after another, or interleaved."""

    def __init__(self, first: int, count: int, layout: Layout) -> None:
        self._first, self._count = first, count
        self._rows, self._columns_first = layout.shape[0], layout.columns_first
        self._per_row = max(layout.items // max(self._rows, 1), 1)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: Any) -> Any:
        item = self._first + at
        return item % self._rows if self._columns_first else item // self._per_row


def field_of(relative: str) -> str:
    """The field that a file holds: its name; `x-00000-of-00004.npy` holds a part of the rows of x."""
    stem = relative.rpartition("/")[2].removesuffix(".npy")
    return _SHARD.sub("", stem) or stem


def read(path: Path, options: Options) -> Items:
    """One array, whose field is named by the file."""
    field = field_of(path.name)
    with open(open_regular(path)[0], "rb") as stream:
        layout = read_layout(stream)
        yield Head((field,), {field: dtype_of(layout.descr)}, layout.shape, layout.shape[0])
        there = os.fstat(stream.fileno()).st_size - layout.data_at
        whole = layout.items * layout.item_bytes
        if there != whole:
            raise Damaged(f"holds {there} bytes of data, and its header says {whole}")
        decode = _decoder(layout)
        per_piece = max(PIECE_BYTES // max(layout.item_bytes, 1), 1)
        for first in range(0, layout.items, per_piece):
            count = min(per_piece, layout.items - first)
            data = stream.read(count * layout.item_bytes)
            if len(data) != count * layout.item_bytes:
                raise Damaged("became shorter while it was read")
            options.moved(len(data))
            rows = 0 if first else layout.shape[0]
            yield Piece({field: decode(data)}, RowsOf(first, count, layout), None, rows)


def read_layout(stream: IO[bytes]) -> Layout:
    """The header of a file that is open at its start. Raises Damaged."""
    start = stream.read(8)
    if start[:6] != MAGIC or len(start) < 8:
        raise Damaged("is not a .npy file" if start else "is empty")
    long = start[6] > 1
    size_text = stream.read(4 if long else 2)
    size = int.from_bytes(size_text, "little")
    text = stream.read(size) if size <= LONGEST_HEADER else b""
    if len(text) != size or start[6] not in (1, 2, 3):
        raise Damaged("is damaged: its header is not whole")
    from ast import literal_eval

    try:
        table = literal_eval(text.decode("utf-8" if start[6] == 3 else "latin-1").strip())
        descr, columns_first, shape = table["descr"], table["fortran_order"], table["shape"]
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise Damaged("is damaged: its header cannot be read") from error
    if not isinstance(descr, str):
        raise Damaged("is a structured array, which contracts do not read; save one array a field")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape) or len(shape) > 64:
        raise Damaged(f"is damaged: its shape is {shape!r}")
    if not shape:
        raise Damaged("is a single number, not an array of rows")
    return Layout(descr, bool(columns_first), shape, 8 + len(size_text) + size, _item_bytes(descr))


def _item_bytes(descr: str) -> int:
    match = re.fullmatch(r"[<>|=]?([a-zA-Z])(\d*)(?:\[.*\])?", descr)
    if match is None:
        raise Damaged(f"has a dtype that is not known: {descr[:40]!r}")
    letter, number = match[1], int(match[2] or 0)
    if letter == "O":
        raise Damaged("holds pickled Python objects, which gitexp never loads; save numbers or text")
    if letter in "US" and number < 1 << 24:
        return number * (4 if letter == "U" else 1)
    if f"{letter}{number}" in {*_CODES, "b1", "f2"}:
        return number
    raise Damaged(f"has a dtype that contracts do not read: {descr[:40]!r}")


def dtype_of(descr: str) -> str:
    """numpy's name of a dtype that is read: uint8, float64, bool, text."""
    letter, number = descr.lstrip("<>|=")[0], descr.lstrip("<>|=")[1:]
    if letter in "US":
        return "text"
    return "bool" if letter == "b" else f"{_KINDS[letter]}{int(number) * 8}"


def _decoder(layout: Layout) -> Callable[[bytes], Sequence[Any]]:
    order, code = layout.descr[0], layout.descr.lstrip("<>|=")
    if code == "b1":
        return lambda data: [byte != 0 for byte in data]
    if code == "f2":
        mark = ">" if order == ">" else "<"
        return lambda data: struct.unpack(f"{mark}{len(data) // 2}e", data)
    if code[0] in "US":
        return lambda data: _texts(data, layout, "utf-32-be" if order == ">" else "utf-32-le")
    swapped = (order == ">") == (sys.byteorder == "little") and order in "<>"

    def numbers(data: bytes) -> Sequence[Any]:
        values = array(_CODES[code])
        values.frombytes(data)
        if swapped:
            values.byteswap()
        return values

    return numbers


def _texts(data: bytes, layout: Layout, wide: str) -> list[str]:
    size = layout.item_bytes
    if size == 0:
        return [""] * layout.items
    encoding = wide if "U" in layout.descr else "utf-8"
    try:
        return [data[at : at + size].decode(encoding).rstrip("\0") for at in range(0, len(data), size)]
    except UnicodeDecodeError as error:
        raise Damaged(f"holds text that cannot be read: {error.reason}") from error
