"""TensorBoard's event files: their scalars, as blocks of rows with the program's own steps.

A record is its length, a checksum of the length, the data and a checksum of the data. The length's is checked, so that
damage is found before it is believed; that of the data is not: CRC-32C takes longer in Python than all the rest, and
other text files have none either. Histograms, pictures, texts and graphs are passed over without being read.

Scalars come as `simple_value` (PyTorch, TensorFlow 1) or as a tensor of the plugin "scalars" (TensorFlow 2, Keras).
They are 32-bit floats, and recorded as what they are: 0.1 is 0.10000000149011612. The format writes no
zeros, so a step that is absent is 0, unless it is in the whole file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import IO

from gitexp.capture.source import TORN
from gitexp.capture.steps import Logged, if_ever, rows_by_step, without_epoch
from gitexp.capture.wire import BYTES, FIXED32, FIXED64, MOST, VARINT, Data, Malformed, OnDisk, fields, signed, varint
from gitexp.record.metricreader import Reader
from gitexp.record.metrics import MAX_METRICS
from gitexp.record.rowblocks import Block, blocks

CHUNK = 1 << 20
LARGE = 1 << 16  # of longer records only the parts that are needed are read
_FRAME, _TAIL = 12, 4
_PLACEHOLDER = "hp_metric"  # -1 until a program of Lightning's gives it a value
_SHORTEST = 20  # bytes of an event with a tag and a number
_LONGEST_TAG = 1024

_STEP, _SUMMARY = 2, 5  # of an Event
_TAG, _SIMPLE, _TENSOR, _METADATA = 1, 2, 8, 9  # of a Summary.Value
_DTYPE, _CONTENT = 1, 4  # of a TensorProto
_FLOAT, _DOUBLE = Struct("<f"), Struct("<d")
_NUMBERS = {1: (5, _FLOAT), 2: (6, _DOUBLE)}  # by dtype: the field of its values, and one of them
_TAILS = 4  # how many different numbers of bytes behind a value are remembered


def read(reader: Reader, file: IO[bytes], *, path: Path, start: int) -> Iterator[Block]:
    """The scalars from byte `start` on, where a record begins."""
    rows = rows_by_step(if_ever(_Events(reader).scalars(file, start)))
    yield from without_epoch(blocks(rows), stepped=True)  # Lightning logs its epoch beside each step


class _Events:
    """What is known of a file while it is read: the shapes of its records, so that most are only compared."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        # By the number of bytes behind the value: the bytes between step and value and those behind, and their metric.
        self.shapes: dict[int, dict[bytes, str]] = {}
        self.known = 0
        self.scalar_tags: set[str] = set()  # tensors whose first record said that they are scalars

    def scalars(self, file: IO[bytes], start: int) -> Iterator[Logged]:
        value_of = _FLOAT.unpack_from
        for data, at, end, begin in records(self.reader, file, start):
            try:
                if data and end - at > _SHORTEST and data[at] == 9:
                    step, after = _step(data, at + 9)
                    for tail, shapes in self.shapes.items():
                        last = end - tail
                        name = shapes.get(data[after : last - 4] + data[last:end])
                        if name is not None:
                            if name:
                                yield step, None, name, value_of(data, last - 4)[0]
                            break
                    else:
                        yield from self._looked_at(data, at, end)
                else:
                    yield from self._looked_at(data or OnDisk(file.fileno()), at, end)
            except (Malformed, IndexError):
                self.reader.problem(f"the record at byte {begin + at - _FRAME} is damaged: it was left out")

    def _looked_at(self, data: Data, at: int, end: int) -> list[Logged]:
        """The scalars of any record."""
        step, found, values = 0, list[Logged](), list[tuple[int, int]]()
        for number, kind, begin, stop in fields(data, at, end):
            if number == _STEP and kind == VARINT:
                step = signed(begin)
            elif number == _SUMMARY and kind == BYTES:
                values += [
                    (first, last) for of, how, first, last in fields(data, begin, stop) if (of, how) == (1, BYTES)
                ]
        if len(values) > MOST:
            raise Malformed
        for begin, stop in values:
            tag, value, place = self._value(data, begin, stop)
            if value is None or (tag == _PLACEHOLDER and value == -1):
                continue
            name = self.reader.name(tag)
            if name:
                found.append((step, None, name, value))
            if place and len(values) == 1 and isinstance(data, bytes) and data[at] == 9:
                self._learn(data, at, end, place, name)
        return found

    def _learn(self, data: bytes, at: int, end: int, place: int, name: str) -> None:
        """Take a record whose one value lies in the four bytes at `place` for a shape that others will have."""
        after, tail = _step(data, at + 9)[1], end - place - 4
        if (
            end - after < _LONGEST_TAG
            and self.known < MAX_METRICS
            and (tail in self.shapes or len(self.shapes) < _TAILS)
        ):
            self.shapes.setdefault(tail, {})[data[after:place] + data[place + 4 : end]] = name
            self.known += 1

    def _value(self, data: Data, at: int, end: int) -> tuple[str, float | None, int]:
        """Tag and number of a Summary.Value, and where it lies if it has four bytes."""
        tag, place, form, tensor, scalar = "", 0, _FLOAT, None, False
        for number, kind, begin, stop in fields(data, at, end):
            if number == _TAG and kind == BYTES and stop - begin <= _LONGEST_TAG:
                tag = data[begin:stop].decode(errors="replace")
            elif number == _SIMPLE and kind == FIXED32:
                place = begin
            elif number == _TENSOR and kind == BYTES:
                tensor = (begin, stop)
            elif number == _METADATA and kind == BYTES and stop - begin <= LARGE:
                scalar = _is_of_scalars(data, begin, stop)
        if tensor is not None and (scalar or tag in self.scalar_tags):
            if len(self.scalar_tags) < MAX_METRICS:
                self.scalar_tags.add(tag)
            place, form = _number(data, *tensor)
            if not place:
                self.reader.problem(f"{tag[:60]!r} is not one float of 32 or 64 bits: it was left out")
        if not place:
            return tag, None, 0
        return tag, form.unpack(data[place : place + form.size])[0], place if form is _FLOAT else 0


def _step(data: bytes, at: int) -> tuple[int, int]:
    """The step of which an Event speaks after its time, and where the next field begins. Written out for small ones."""
    if data[at] != 0x10:
        return 0, at
    first, second = data[at + 1], data[at + 2]
    if first < 0x80:
        return first, at + 2
    if second < 0x80:
        return first & 0x7F | second << 7, at + 3
    value, after = varint(data, at + 1)
    return signed(value), after


def _is_of_scalars(data: Data, at: int, end: int) -> bool:
    for number, kind, begin, stop in fields(data, at, end):
        if number == 1 and kind == BYTES:
            for inner, of, first, last in fields(data, begin, stop):
                if (inner, of) == (1, BYTES):
                    return data[first : min(last, first + 64)] == b"scalars"
    return False


def _number(data: Data, at: int, end: int) -> tuple[int, Struct]:
    """Where the one number of a tensor lies, and how; 0 if there is not one."""
    parts = {number: (kind, begin, stop) for number, kind, begin, stop in fields(data, at, end)}
    field, form = _NUMBERS.get(parts.get(_DTYPE, (0, 0, 0))[1], (0, _FLOAT))
    kind, begin, stop = parts.get(field) or parts.get(_CONTENT, (0, 0, 0))
    right = field and kind in (BYTES, FIXED32, FIXED64) and stop - begin == form.size
    return (begin if right else 0), form


# ---- records


def records(reader: Reader, file: IO[bytes], start: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Each record: bytes, where in them its data begins and ends, and at which byte of the file they begin.

    Of a large one no bytes, and places in the file.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(start)
    lengths: dict[bytes, int] = {}  # of frames whose checksum is right
    data, at, begin = b"", 0, start  # `begin`: the byte of the file where `data` begins
    while True:
        if len(data) - at < LARGE:
            begin, data, at = begin + at, data[at:] + file.read(CHUNK), 0
            if not data:
                return
        frame = data[at : at + _FRAME]
        length = lengths.get(frame, -1)
        if length < 0:
            if len(frame) == _FRAME and _masked_crc(frame[:8]) != frame[8:]:
                reader.problem(f"is damaged at byte {begin + at}: what follows was not read")
                return
            length = int.from_bytes(frame[:8], "little")
            lengths = lengths if len(lengths) < MAX_METRICS else {}
            lengths[frame] = length
        end = at + _FRAME + length
        if begin + end + _TAIL > size or len(frame) < _FRAME:
            reader.notes.append(f"{reader.source}: {TORN}")
            return
        if end + _TAIL <= len(data):
            yield data, at + _FRAME, end, begin
            at = end + _TAIL
        else:
            yield b"", begin + at + _FRAME, begin + end, 0
            begin, data, at = begin + end + _TAIL, b"", 0
            file.seek(begin)


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def _masked_crc(data: bytes) -> bytes:
    """CRC-32C (Castagnoli), turned and shifted as the format wants it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return (((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")
