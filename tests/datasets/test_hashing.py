"""Hashing many files: the same whether one after the other or several at once, and watched while it goes on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gitexp.datasets.build import build_manifest
from gitexp.datasets.digest import Seen
from gitexp.datasets.hashing import Hasher
from gitexp.datasets.statcache import StatCache
from gitexp.datasets.walk import Problem, folders


class Watcher:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.files = self.size_bytes = 0
        self.expected: list[tuple[int, int]] = []

    def expect(self, *, files: int, size_bytes: int) -> None:
        self.expected.append((files, size_bytes))

    def advance(self, *, files: int, size_bytes: int) -> None:
        self.files += files
        self.size_bytes += size_bytes


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    folder.mkdir()
    for number in range(600):
        (folder / f"{number:03}").write_bytes(b"%d" % number)
    return folder


def test_threads_for_a_slow_disk_give_the_same_digests_in_the_same_order(dataset: Path) -> None:
    folder = next(folders(os.fsencode(dataset)))
    [files] = folder.batches()
    names = [*sorted(file.name for file in files), "not there"]
    one = Hasher(patience_s=1000).hash(folder, names)
    hasty = Hasher(patience_s=-1)
    several = hasty.hash(folder, names)
    hasty.close()
    folder.close()
    assert one == several
    assert isinstance(one[599], Seen)
    assert one[600] == Problem(b"not there", "not there vanished while the dataset was being read")


def test_a_watcher_hears_of_every_file_once(dataset: Path) -> None:
    (dataset / "large").write_bytes(bytes(20_000_000))
    watcher = Watcher()
    build_manifest(dataset, progress=watcher)
    assert (watcher.files, watcher.size_bytes) == (601, 20_001_690)
    assert watcher.expected == []  # it was over before anybody could have looked


def test_a_watcher_hears_of_files_that_need_not_be_read(dataset: Path, tmp_path: Path) -> None:
    cache = StatCache(tmp_path / "statcache")
    build_manifest(dataset, cache=cache)
    watcher = Watcher()
    build_manifest(dataset, cache=cache, progress=watcher)
    assert (watcher.files, watcher.size_bytes) == (600, 1_690)


def test_what_there_is_in_all_is_asked_once_it_takes_long(dataset: Path) -> None:
    watcher = Watcher()
    hasher = Hasher(progress=watcher, measure=lambda: (600, 1_690), watched_s=0)
    folder = next(folders(os.fsencode(dataset)))
    [_] = folder.batches()
    hasher.hash(folder, ["000", "001", "002"])
    folder.close()
    assert watcher.expected == [(600, 1_690)]


def test_what_there_is_in_all_is_not_asked_for_a_few_files_after_a_long_look_at_the_rest(dataset: Path) -> None:
    watcher = Watcher()
    hasher = Hasher(progress=watcher, measure=lambda: (600, 1_690), watched_s=0.2)
    folder = next(folders(os.fsencode(dataset)))
    [_] = folder.batches()
    time.sleep(0.3)
    hasher.hash(folder, ["000", "001", "002"])
    folder.close()
    assert (watcher.files, watcher.expected) == (3, [])
