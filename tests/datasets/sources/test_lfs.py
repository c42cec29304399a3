"""git-lfs pointers, made by the real git-lfs in a real repository."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from fetching import Opener
from harness import Lab, have

from gitexp.datasets.build import build_manifest
from gitexp.datasets.place import Place
from gitexp.datasets.sources.looks import looks_pointed
from gitexp.errors import Refused
from gitexp.spec.catalogue import DatasetRef
from gitexp.stages.look import look

OID = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"  # of b"1"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 1\n"


@pytest.fixture
def tracked(fresh: Lab) -> Lab:
    """A repository where git-lfs tracks data/*.bin, and there are one of these and a plain file."""
    if not have("git-lfs"):
        if os.environ.get("CI") == "true":
            pytest.fail("git-lfs is missing, and under CI nothing may be skipped (Debian's package git-lfs)")
        pytest.skip("git-lfs is not installed (Debian's package git-lfs)")
    fresh.git("lfs", "install")
    fresh.git("lfs", "track", "*.bin")
    fresh.write("data/one.bin", "1")
    fresh.write("data/plain.csv", "a,b\n")
    fresh.commit("data")
    return fresh


@pytest.fixture
def clone(tracked: Lab, tmp_path: Path) -> Lab:
    """A clone that has only the pointers."""
    env = {**tracked.env, "GIT_LFS_SKIP_SMUDGE": "1"}
    tracked.command("git", "clone", "-q", str(tracked.path), str(tmp_path / "clone"), GIT_LFS_SKIP_SMUDGE="1")
    return Lab(tmp_path / "clone", env)


def test_a_folder_with_pointers_is_the_data_that_they_stand_for(tracked: Lab, clone: Lab, opened: Opener) -> None:
    clone.git("lfs", "fetch")
    assert (clone.path / "data" / "one.bin").read_text() == POINTER
    fetched = opened(clone, "data")
    assert fetched is not None
    assert fetched.digest == build_manifest(tracked.path / "data").digest
    assert opened.store.path_of("df3ce784d856334d65cd25028f98f158").read_bytes() == b"1"
    assert (fetched.files, fetched.size_bytes, fetched.bytes_fetched) == (2, 5, 0)


def test_a_pointer_by_itself_is_a_dataset(clone: Lab, opened: Opener) -> None:
    clone.git("lfs", "fetch")
    fetched = opened(clone, "data/one.bin")
    assert fetched is not None
    assert fetched.manifest == b"df3ce784d856334d65cd25028f98f158  one.bin\n"


def test_nothing_of_the_users_is_changed(clone: Lab, opened: Opener) -> None:
    clone.git("lfs", "fetch")
    before = clone.state()
    opened(clone, "data")
    assert clone.state() == before


def test_what_was_verified_once_is_not_needed_again(clone: Lab, opened: Opener) -> None:
    clone.git("lfs", "fetch")
    first = opened(clone, "data")
    shutil.rmtree(clone.path / ".git" / "lfs")
    again = opened(clone, "data")
    assert first is not None
    assert again is not None
    assert again.digest == first.digest


def test_a_plain_file_that_changes_makes_another_dataset(clone: Lab, opened: Opener) -> None:
    clone.git("lfs", "fetch")
    first = opened(clone, "data")
    clone.write("data/plain.csv", "c,d\n")
    again = opened(clone, "data")
    assert first is not None
    assert again is not None
    assert again.digest != first.digest


def test_missing_bytes_are_named_with_what_brings_them(clone: Lab, opened: Opener) -> None:
    with pytest.raises(Refused, match="1 of 1 git-lfs files are not here, only pointers to them") as caught:
        opened(clone, "data")
    assert caught.value.details == ("  one.bin",)
    assert caught.value.fix == "git lfs pull    (then run the command again)"


def test_a_damaged_object_is_refused(clone: Lab, opened: Opener) -> None:
    clone.git("lfs", "fetch")
    kept = clone.path / ".git" / "lfs" / "objects" / OID[:2] / OID[2:4] / OID
    kept.chmod(0o644)
    kept.write_bytes(b"2")
    with pytest.raises(Refused, match=r"The git-lfs object of one\.bin is damaged"):
        opened(clone, "data")


def test_a_clone_looks_pointed(clone: Lab) -> None:
    assert looks_pointed(clone.path / "data", clone.path)
    assert looks_pointed(clone.path / "data" / "one.bin", clone.path)


def test_real_files_are_left_where_they_are(tracked: Lab, opened: Opener) -> None:
    assert opened(tracked, "data") is None


def test_a_repository_without_lfs_does_not_look_pointed(fresh: Lab, opened: Opener) -> None:
    fresh.write("data/plain.csv", "a,b\n")
    assert not looks_pointed(fresh.path / "data", fresh.path)
    assert not looks_pointed(fresh.path / "data" / "plain.csv", fresh.path)
    assert opened(fresh, "data") is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (POINTER.replace("sha256:6b", "sha256:xx"), "has no oid sha256"),
        (POINTER.replace("size 1", "size many"), "has no oid sha256"),
        (POINTER.replace("size 1\n", "size 1\nsize 1\n"), "looks like a git-lfs pointer, but is none"),
        (POINTER.replace("oid", f"ext-0-foo sha256:{OID}\noid"), "pointer of an extension"),
    ],
)
def test_a_broken_pointer_is_refused(fresh: Lab, opened: Opener, text: str, what: str) -> None:
    fresh.write("one.bin", text)
    with pytest.raises(Refused, match=what):
        opened(fresh, "one.bin")


def test_a_text_that_only_begins_alike_is_a_plain_file(fresh: Lab, opened: Opener) -> None:
    fresh.write("notes.txt", "version https://git-lfs.github.com/spec/v1 is the first line of a pointer" + "." * 60)
    assert opened(fresh, "notes.txt") is None


def test_a_look_finds_objects_that_git_config_keeps_elsewhere(clone: Lab, tmp_path: Path) -> None:
    clone.git("lfs", "fetch")
    (clone.path / ".git" / "lfs").rename(tmp_path / "lfs")
    place = Place(clone.path, clone.path / ".git", {"lfs.storage": str(tmp_path / "lfs")})
    assert look(DatasetRef("pets", path="data"), place).state == "unpinned"
