"""Hashing real folders: the right manifest, or an error that names the file; never a wrong one."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from gitexp.datasets.build import build_manifest, changed_since
from gitexp.errors import Refused


def age(folder: Path) -> None:
    """Make time stamps prove something: older than the window in which they might repeat."""
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (1_000_000_000, 1_000_000_000))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "one").write_bytes(b"1")
    (folder / "deep" / "two").write_bytes(b"22")
    (folder / "deep" / "er" / "three").write_bytes(b"")
    (folder / "empty").mkdir()
    return folder


def test_the_real_xxhsum_accepts_a_manifest(dataset: Path, tmp_path: Path, xxhsum: str) -> None:
    (dataset / "large").write_bytes(os.urandom(3_000_001))
    (dataset / "caf\u00e9 \udcff".encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")).write_bytes(
        b"x"
    )
    built = build_manifest(dataset)
    listing = tmp_path / "listing"
    listing.write_bytes(built.manifest)
    done = subprocess.run([xxhsum, "--strict", "-c", str(listing)], cwd=dataset, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(b": OK") == 5
    (dataset / "one").write_bytes(b"2")
    assert subprocess.run([xxhsum, "-c", str(listing)], cwd=dataset, capture_output=True, check=False).returncode != 0


def test_a_single_file_goes_by_its_name(dataset: Path) -> None:
    built = build_manifest(dataset / "one")
    assert built.manifest == b"df3ce784d856334d65cd25028f98f158  one\n"
    assert (built.files, built.size_bytes) == (1, 1)


def test_the_digest_does_not_depend_on_where_the_data_lies(dataset: Path, tmp_path: Path) -> None:
    before = build_manifest(dataset).digest
    dataset.rename(tmp_path / "elsewhere")
    assert build_manifest(tmp_path / "elsewhere").digest == before


def test_an_empty_dataset_has_an_empty_manifest(tmp_path: Path) -> None:
    built = build_manifest(tmp_path)
    assert (built.manifest, built.files) == (b"", 0)


def test_links_are_followed(dataset: Path) -> None:
    (dataset / "link").symlink_to("deep")
    assert b"  link/er/three\n" in build_manifest(dataset).manifest


def test_a_loop_of_links_is_an_error_that_names_it(dataset: Path) -> None:
    (dataset / "deep" / "loop").symlink_to("..")
    with pytest.raises(Refused, match=r"deep/loop"):
        build_manifest(dataset)


def test_a_dangling_link_is_an_error_that_names_it(dataset: Path) -> None:
    (dataset / "nothing").symlink_to("nowhere")
    with pytest.raises(Refused, match="nothing is a link to nothing"):
        build_manifest(dataset)


def test_a_socket_is_an_error_that_names_it(dataset: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(dataset / "sock"))
        with pytest.raises(Refused, match="sock"):
            build_manifest(dataset)


def test_a_fifo_is_an_error_and_does_not_hang(dataset: Path) -> None:
    os.mkfifo(dataset / "pipe")
    with pytest.raises(Refused, match="pipe"):
        build_manifest(dataset)


def test_nothing_changed_is_told_without_reading(dataset: Path) -> None:
    age(dataset)
    assert changed_since(build_manifest(dataset)) == []


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        (lambda folder: (folder / "one").write_bytes(b"!"), ["one"]),
        (lambda folder: (folder / "new").write_bytes(b""), ["new"]),
        (lambda folder: (folder / "deep" / "two").unlink(), ["deep/two"]),
        (lambda folder: (folder / "one").rename(folder / "uno"), ["one", "uno"]),
    ],
)
def test_what_changed_is_named(dataset: Path, change: object, paths: list[str]) -> None:
    built = build_manifest(dataset)
    change(dataset)  # type: ignore[operator]
    assert changed_since(built) == paths


def test_a_change_that_keeps_size_and_time_is_seen_while_the_file_is_young(dataset: Path) -> None:
    built = build_manifest(dataset)
    status = (dataset / "one").stat()
    (dataset / "one").write_bytes(b"9")
    os.utime(dataset / "one", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert changed_since(built) == ["one"]
