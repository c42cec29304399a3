"""One file to its digests: the same as other programs say, at any size, or an error."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitexp.datasets.digest import ChangedWhileRead, digest_file, digest_file_sha256
from gitexp.regularfile import NotAFile


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 1_048_576, 16_777_215, 16_777_216, 18_000_001, 70_000_000])
def test_digests_are_those_of_the_real_tools(tmp_path: Path, xxhsum: str, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    said = subprocess.run([xxhsum, "-H2", str(path)], capture_output=True, text=True, check=True).stdout[:32]
    assert digest_file(str(path)).digest == said
    both = digest_file_sha256(str(path))
    assert (both.digest, both.size) == (said, size)
    assert both.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_somebody_writes_to_has_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(400_000_000)
    append = "import sys\nf = open(sys.argv[1], 'ab', 0)\nwhile True: f.write(b'!')"
    writer = subprocess.Popen([sys.executable, "-c", append, str(path)])
    try:
        while path.stat().st_size == 400_000_000:
            pass
        with pytest.raises(ChangedWhileRead):
            digest_file(str(path))
    finally:
        writer.kill()
        writer.wait()


def test_a_folder_and_a_device_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(NotAFile):
        digest_file(str(tmp_path))
    with pytest.raises(NotAFile):
        digest_file("/dev/zero")


def test_each_block_of_a_large_file_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(20_000_000))
    told: list[int] = []
    digest_file(str(path), advance=told.append)
    assert sum(told) == 20_000_000
    assert len(told) == 20
