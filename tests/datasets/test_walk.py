"""Walking real folders: every file once, in batches, whatever links make of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitexp.datasets.build import build_manifest, changed_since
from gitexp.datasets.statcache import StatCache
from gitexp.datasets.walk import Found, folders, walk


def test_a_folder_comes_in_batches_that_hold_each_file_once(tmp_path: Path) -> None:
    for number in range(5_000):
        (tmp_path / f"{number:04}").touch()
    (tmp_path / "link").symlink_to("0000")
    folder = next(folders(os.fsencode(tmp_path)))
    batches = [[file.name for file in batch] for batch in folder.batches()]
    folder.close()
    assert [len(batch) for batch in batches] == [4_096, 905]
    assert sorted(batches[0] + batches[1]) == [*(f"{number:04}" for number in range(5_000)), "link"]


def test_walking_gives_paths_that_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"1")
    root = os.fsencode(tmp_path)
    assert list(walk(root)) == [Found(b"a/b", root + b"/a/b")]
    assert list(walk(root + b"/a/b")) == [Found(b"b", root + b"/a/b")]


def test_a_change_in_one_of_many_batches_is_found(tmp_path: Path) -> None:
    folder, cache = tmp_path / "dataset", StatCache(tmp_path / "statcache")
    folder.mkdir()
    for number in range(9_000):
        (folder / f"{number:04}").write_bytes(b"1")
    built = build_manifest(folder, cache=cache)
    (folder / "4321").write_bytes(b"2")
    (folder / "8765").unlink()
    (folder / "5000b").write_bytes(b"1")
    assert changed_since(built) == ["4321", "5000b", "8765"]
    again = build_manifest(folder, cache=cache)
    assert again.files == 9_000
    assert again.manifest == build_manifest(folder).manifest


def test_paths_are_sorted_as_bytes_around_the_folders_between_them(tmp_path: Path) -> None:
    for path in ("a", "a/b", "a/b/c", "a+", "a0"):
        (tmp_path / path).mkdir()
    for path in ("a-", "a.txt", "a/1", "a/b-", "a/b/c/1", "a/b/z", "a/b0", "a+/1", "a0/1", "b"):
        (tmp_path / path).write_bytes(b"1")
    paths = [line.partition(b"  ")[2] for line in build_manifest(tmp_path).manifest.splitlines()]
    assert paths == [b"a+/1", b"a-", b"a.txt", b"a/1", b"a/b-", b"a/b/c/1", b"a/b/z", b"a/b0", b"a0/1", b"b"]


def test_a_folder_that_links_reach_twice_is_there_twice(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "file").write_bytes(b"1")
    (tmp_path / "two").symlink_to("one")
    manifest = build_manifest(tmp_path).manifest
    assert manifest == b"df3ce784d856334d65cd25028f98f158  one/file\ndf3ce784d856334d65cd25028f98f158  two/file\n"


def test_what_git_keeps_in_a_folder_is_no_part_of_the_data(tmp_path: Path) -> None:
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    (tmp_path / "repository" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / "submodule").mkdir()
    (tmp_path / "submodule" / ".git").write_text("gitdir: ../repository/.git\n")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / ".git").symlink_to("../repository/.git")
    (tmp_path / "repository" / ".gitignore").write_text("")
    paths = [line.partition(b"  ")[2] for line in build_manifest(tmp_path).manifest.splitlines()]
    assert paths == [b"repository/.gitignore"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_any_more_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a").write_text("1")
    built = build_manifest(tmp_path / "d")
    (tmp_path / "d").chmod(0)
    try:
        assert changed_since(built) == ["the folder", "a"]
    finally:
        (tmp_path / "d").chmod(0o755)
