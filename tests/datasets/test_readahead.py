"""Large files to whoever hashes them: in order, and whatever goes wrong in one thread ends them all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitexp.datasets.readahead import feed

SIZE = 33_554_433


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(SIZE))
    return path


def test_all_bytes_come_in_order(large: Path) -> None:
    got: list[bytes] = []
    with large.open("rb") as file:
        assert feed(file.fileno(), SIZE, update=lambda block: got.append(bytes(block))) == SIZE
    assert b"".join(got) == large.read_bytes()


def test_a_file_that_cannot_be_read_is_an_error(large: Path) -> None:
    with large.open("ab") as file, pytest.raises(OSError, match="Bad file descriptor"):
        feed(file.fileno(), SIZE, update=len)


@pytest.mark.parametrize("block", [0, 1, 2, 31])
def test_an_error_in_any_block_ends_it_and_is_raised(large: Path, block: int) -> None:
    left = iter(range(block))

    def update(_: memoryview) -> None:
        next(left)

    with large.open("rb") as file, pytest.raises(StopIteration):
        feed(file.fileno(), SIZE, update=update)
    with pytest.raises(StopIteration):
        next(left)
