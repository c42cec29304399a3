"""TensorBoard's event files: scalars with the program's steps, and nothing that a damaged one says."""

from __future__ import annotations

import math
import struct
import tracemalloc
from pathlib import Path

import pytest
from taken import SAMPLES, rows_of

from gitexp.capture.events import _masked_crc
from gitexp.record.metricreader import Reader
from gitexp.record.metrics import Row

TORCH = SAMPLES / "tensorboard" / "events.out.tfevents.torch"


def framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked_crc(length) + data + b"----"  # the checksum of the data is not looked at


def field(number: int, data: bytes) -> bytes:
    size, left = b"", len(data)
    while left >= 0x80:
        size, left = size + bytes((left & 0x7F | 0x80,)), left >> 7
    return bytes((number << 3 | 2,)) + size + bytes((left,)) + data


def event(step: int, *values: bytes) -> bytes:
    assert step < 0x80
    return b"\x09" + struct.pack("<d", 1.0) + bytes((0x10, step)) + field(5, b"".join(field(1, one) for one in values))


def scalar(tag: str, value: float) -> bytes:
    return field(1, tag.encode()) + b"\x15" + struct.pack("<f", value)


def test_scalars_of_one_step_are_one_row_and_all_else_is_passed_over() -> None:
    tenth = struct.unpack("<f", struct.pack("<f", 0.1))[0]
    rows = rows_of(TORCH)
    assert [row.step for row in rows] == [0, 100, 200, 300, 2**40, -1]
    assert rows[0] == Row(0, None, {"train/loss": 1.0, "train/acc": tenth})
    assert list(rows[3].values) == ["train/loss", "train/acc", "val/loss"]
    assert math.isnan(rows[3].values["val/loss"])
    assert rows[4:] == [Row(2**40, None, {"val/loss": 0.25}), Row(-1, None, {"below": 2.5})]


def test_the_record_that_a_killed_program_did_not_finish_is_a_word_and_no_problem(tmp_path: Path) -> None:
    whole = TORCH.read_bytes()
    (tmp_path / "tfevents").write_bytes(whole + framed(event(1, scalar("late", 1.0)))[:-9])
    reader = Reader("tfevents")
    assert [row.step for row in rows_of(tmp_path / "tfevents", reader=reader)] == [0, 100, 200, 300, 2**40, -1]
    assert reader.problems() == ()
    assert reader.notes == ["tfevents: the last record is not whole, so it was left out (was the program killed?)"]


def test_what_follows_a_damaged_length_is_not_believed(tmp_path: Path) -> None:
    first = framed(event(1, scalar("loss", 1.0)))
    damaged = bytearray(framed(event(2, scalar("loss", 2.0))))
    damaged[7] = 0x40  # a length of 2^62 bytes
    (tmp_path / "tfevents").write_bytes(first + damaged + framed(event(3, scalar("loss", 3.0))))
    reader = Reader("tfevents")
    assert rows_of(tmp_path / "tfevents", reader=reader) == [Row(1, None, {"loss": 1.0})]
    assert reader.problems() == (f"tfevents: is damaged at byte {len(first)}: what follows was not read",)


def test_a_record_with_nonsense_in_it_is_left_out_alone(tmp_path: Path) -> None:
    nonsense = event(2, scalar("loss", 2.0)).replace(b"\x2a", b"\x2f")
    good = [framed(event(step, scalar("loss", step))) for step in (1, 3)]
    (tmp_path / "tfevents").write_bytes(good[0] + framed(nonsense) + framed(b"\xff" * 30) + framed(b"") + good[1])
    reader = Reader("tfevents")
    assert [row.step for row in rows_of(tmp_path / "tfevents", reader=reader)] == [1, 3]
    assert reader.problems() == (
        f"tfevents: the record at byte {len(good[0])} is damaged: it was left out",
        f"tfevents: the record at byte {len(good[0]) + len(framed(nonsense))} is damaged: it was left out",
    )


def test_several_scalars_in_one_record_are_one_row(tmp_path: Path) -> None:
    """As merged summaries of TensorFlow 1 are."""
    record = event(4, scalar("loss", 1.5), field(1, b"picture") + field(4, b"\x08\x01"), scalar("acc", 0.5))
    (tmp_path / "tfevents").write_bytes(framed(record) * 2)
    assert rows_of(tmp_path / "tfevents") == [Row(4, None, {"loss": 1.5, "acc": 0.5})] * 2


def test_a_tensor_is_a_scalar_where_it_or_the_first_of_its_tag_says_so(tmp_path: Path) -> None:
    plugin = field(9, field(1, field(1, b"scalars")))
    once = event(1, field(1, b"loss") + field(8, b"\x08\x01" + field(5, struct.pack("<f", 1.5))) + plugin)
    again = event(2, field(1, b"loss") + field(8, b"\x08\x01\x12\x00" + field(4, struct.pack("<f", 2.5))))
    other = event(3, field(1, b"weights") + field(8, b"\x08\x01" + field(5, struct.pack("<f", 3.5))))
    double = event(4, field(1, b"loss") + field(8, b"\x08\x02" + field(6, struct.pack("<d", 0.1))))
    several = event(5, field(1, b"loss") + field(8, b"\x08\x01" + field(5, struct.pack("<ff", 1, 2))))
    (tmp_path / "tfevents").write_bytes(b"".join(map(framed, (once, again, other, double, several))))
    reader = Reader("tfevents")
    assert rows_of(tmp_path / "tfevents", reader=reader) == [
        Row(1, None, {"loss": 1.5}),
        Row(2, None, {"loss": 2.5}),
        Row(4, None, {"loss": 0.1}),
    ]
    assert reader.problems() == ("tfevents: 'loss' is not one float of 32 or 64 bits: it was left out",)


def test_a_shape_that_is_known_gives_the_same_as_a_first_look(tmp_path: Path) -> None:
    plugin = field(9, field(1, field(1, b"scalars")))
    records, wanted = [], []
    for step in range(6):
        for tag in ("a", "a/b", "b/a"):
            value = step / 4
            tensor = field(8, b"\x08\x01\x12\x00" + field(5, struct.pack("<f", value)))
            both = (scalar(tag, value), field(1, f"t/{tag}".encode()) + tensor + plugin)
            records += [framed(event(step, one)) for one in both]
        wanted.append(Row(step, None, {name: step / 4 for tag in ("a", "a/b", "b/a") for name in (tag, f"t/{tag}")}))
    (tmp_path / "tfevents").write_bytes(b"".join(records))
    assert rows_of(tmp_path / "tfevents") == wanted


def test_a_program_that_gives_no_steps_has_none(tmp_path: Path) -> None:
    values = [framed(event(0, scalar("loss", value))) for value in (3.0, 2.0)]
    (tmp_path / "tfevents").write_bytes(b"".join(values))
    assert rows_of(tmp_path / "tfevents") == [Row(None, None, {"loss": 3.0}), Row(None, None, {"loss": 2.0})]
    (tmp_path / "tfevents").write_bytes(b"".join(values) + framed(event(1, scalar("loss", 1.0))))
    assert [row.step for row in rows_of(tmp_path / "tfevents")] == [0, 0, 1]


def test_only_what_was_added_is_read_of_a_file_that_was_there(tmp_path: Path) -> None:
    before, after = framed(event(1, scalar("loss", 1.0))), framed(event(2, scalar("loss", 2.0)))
    (tmp_path / "tfevents").write_bytes(before + after)
    assert rows_of(tmp_path / "tfevents", start=len(before)) == [Row(2, None, {"loss": 2.0})]


def test_large_records_take_no_memory_and_their_scalars_are_found(tmp_path: Path) -> None:
    pictures = [field(1, b"video") + field(4, bytes(2_000_000))] * 20
    large = event(7, scalar("before", 1.0), *pictures, scalar("behind", 2.0))
    (tmp_path / "tfevents").write_bytes(framed(large) + framed(event(8, scalar("loss", 3.0))))
    tracemalloc.start()
    rows = rows_of(tmp_path / "tfevents")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == [Row(7, None, {"before": 1.0, "behind": 2.0}), Row(8, None, {"loss": 3.0})]
    assert peak < 8_000_000


def test_a_tag_that_cannot_be_a_metric_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "tfevents").write_bytes(framed(event(1, scalar("=1+1", 1.0))) * 3)
    reader = Reader("tfevents")
    assert rows_of(tmp_path / "tfevents", reader=reader) == []
    assert reader.problems() == (
        "tfevents: metric '=1+1' is not recorded: a name cannot start with = (spreadsheets would execute it)",
    )


@pytest.mark.parametrize("size", (1, 7, 40))
def test_bytes_of_any_kind_raise_nothing(tmp_path: Path, size: int) -> None:
    whole = TORCH.read_bytes()
    for at in range(40, len(whole), 23):
        changed = bytearray(whole)
        changed[at : at + size] = bytes((byte * 7 + at) & 0xFF for byte in changed[at : at + size])
        (tmp_path / "tfevents").write_bytes(changed)
        rows_of(tmp_path / "tfevents")
