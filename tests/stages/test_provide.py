"""Datasets at a path here, wherever they come from; what a scenario would be too long for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gitexp.datasets.build import build_manifest
from gitexp.datasets.pinned import Access
from gitexp.datasets.place import Place
from gitexp.errors import Refused
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.config import RemoteSettings
from gitexp.stages.provide import provide


@pytest.fixture
def access(tmp_path: Path) -> Access:
    """A repository without data, and a folder `remote` for bytes."""
    (tmp_path / "lab").mkdir()
    (tmp_path / "remote").mkdir()
    place = Place(tmp_path / "lab", tmp_path / "lab/.git", {})
    return Access(place, {"far": RemoteSettings("far", str(tmp_path / "remote"))})


@pytest.fixture
def pinned(access: Access) -> DatasetRef:
    """A dataset of two files that only the store has."""
    folder = access.place.root / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "one").write_text("1")
    (folder / "deep" / "two").write_text("2")
    built = build_manifest(folder)
    for entry in built.entries():
        access.place.store.put(folder / os.fsdecode(entry.path), digest=entry.digest)
    access.place.store.put_bytes(built.manifest)
    shutil.rmtree(folder)
    return DatasetRef("pets", path="data", digest=built.digest, entry="pets")


def test_what_lies_at_its_path_is_used_there(access: Access) -> None:
    (access.place.root / "data").mkdir()
    (access.place.root / "data" / "one").write_text("1")
    found = provide(DatasetRef("pets", path="data"), access)
    assert found.path == access.place.root / "data"
    assert (found.fetched_bytes, found.resolution) == (None, None)


def write_through(copy: Path, access: Access) -> None:
    """Write to the copy and the stored object: one file by two names, unless root made them."""
    for path in (copy, access.place.store.path_of("df3ce784d856334d65cd25028f98f158")):
        path.chmod(0o644)
        with path.open("r+") as file:
            file.write("9")
        path.chmod(0o444)


def test_a_pinned_version_comes_from_the_store_into_a_read_only_copy(access: Access, pinned: DatasetRef) -> None:
    found = provide(pinned, access)
    assert found.path.parent == access.place.checkouts
    assert (found.path / "deep/two").read_text() == "2"
    assert (found.path / "deep/two").stat().st_mode & 0o222 == 0
    assert found.fetched_bytes == 0
    assert not (access.place.root / "data").exists()


def test_what_the_store_lacks_is_fetched_by_digest(access: Access, pinned: DatasetRef, tmp_path: Path) -> None:
    (tmp_path / "remote").rmdir()
    access.place.store_folder.rename(tmp_path / "remote")
    found = provide(pinned, access)
    assert (found.path / "one").read_text() == "1"
    assert found.fetched_bytes == 2 + 34 + 3 + 1 + 34 + 8 + 1  # two files, and the two lines of their manifest


def test_a_copy_that_was_written_to_is_mended_from_a_remote(access: Access, pinned: DatasetRef, tmp_path: Path) -> None:
    shutil.copytree(access.place.store_folder, tmp_path / "remote", dirs_exist_ok=True)
    copy = provide(pinned, access).path / "one"
    write_through(copy, access)
    assert (provide(pinned, access).path / "one").read_text() == "1"


def test_a_copy_that_was_written_to_and_is_nowhere_else_is_refused_by_name(access: Access, pinned: DatasetRef) -> None:
    copy = provide(pinned, access).path / "one"
    write_through(copy, access)
    with pytest.raises(Refused, match="data does not exist, and its pinned version could not be fetched"):
        provide(pinned, access)


def test_a_link_to_nothing_at_its_path_does_not_stand_in_the_way(access: Access, pinned: DatasetRef) -> None:
    (access.place.root / "data").symlink_to("nowhere")
    assert provide(pinned, access).path.parent == access.place.checkouts


def test_a_path_below_a_file_is_not_there(access: Access) -> None:
    (access.place.root / "file").write_text("")
    with pytest.raises(Refused, match="file/data does not exist"):
        provide(DatasetRef("pets", path="file/data"), access)


def test_a_name_that_the_catalogue_does_not_have_is_compared_with_those_it_has(access: Access) -> None:
    typed = DatasetRef("digits", path="digts")
    with pytest.raises(Refused) as error:
        provide(typed, access._replace(names=("wine", "digits")))
    assert error.value.what == "Dataset digits: digts does not exist; did you mean digits?"


def test_a_path_is_not_taken_for_a_name_of_the_catalogue(access: Access) -> None:
    with pytest.raises(Refused) as error:
        provide(DatasetRef("digits", path="x/digits"), access._replace(names=("digits",)))
    assert error.value.what == "Dataset digits: x/digits does not exist"
