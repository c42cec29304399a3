"""Datasets from the store: laid out in gitexp's cache, copied to folders of the user's, nothing ever overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitexp.datasets.objects import copies
from gitexp.datasets.objects.checkout import check_out, mend
from gitexp.datasets.objects.placing import place_copies
from gitexp.datasets.objects.store import Damaged, ObjectStore
from gitexp.errors import GitexpError

ONE, TWO = "df3ce784d856334d65cd25028f98f158", "cb358fcee0dfde56fb95a7322f5da314"
TREE = f"{ONE}  one\n{TWO}  sub/two\n".encode()
TREE_DIGEST = "xxh128:44aa9cfeec570c15cac0655e9c154558"
SINGLE = f"{ONE}  one\n".encode()
SINGLE_DIGEST = "xxh128:f1f55f490120b6cf5651a87e69110a1b"


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    """It holds a dataset of two files, and one of a single file."""
    store = ObjectStore(tmp_path / "objects")
    for content in (b"1", b"2", TREE, SINGLE):
        store.put_bytes(content)
    return store


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "data"


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dataset_is_laid_out_read_only_and_without_copying(store: ObjectStore, cache: Path) -> None:
    path = check_out(TREE_DIGEST, store=store, folder=cache)
    assert path == cache / "44aa9cfeec570c15cac0655e9c154558"
    assert listing(path) == {"one": b"1", "sub/two": b"2"}
    assert (path / "one").stat().st_mode & 0o777 == 0o444
    assert [entry.name for entry in cache.iterdir()] == ["44aa9cfeec570c15cac0655e9c154558"]


def test_a_single_file_is_its_own_path(store: ObjectStore, cache: Path) -> None:
    assert check_out(SINGLE_DIGEST, store=store, folder=cache, name="one").read_bytes() == b"1"
    assert check_out(SINGLE_DIGEST, store=store, folder=cache, name="folder").is_dir()


def test_what_is_laid_out_is_not_touched_again(store: ObjectStore, cache: Path) -> None:
    before = check_out(TREE_DIGEST, store=store, folder=cache).stat()
    after = check_out(TREE_DIGEST, store=store, folder=cache).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("harm", ["rm one", "touch extra", "chmod u+w one", "rm one && ln -s /etc/passwd one"])
def test_a_layout_that_somebody_changed_is_made_anew(store: ObjectStore, cache: Path, harm: str) -> None:
    path = check_out(TREE_DIGEST, store=store, folder=cache)
    assert os.system(f"cd {path} && {harm}") == 0
    check_out(TREE_DIGEST, store=store, folder=cache)
    assert listing(path) == {"one": b"1", "sub/two": b"2"}
    assert not (path / "one").is_symlink()


def test_damage_that_reached_the_store_is_removed_and_named(store: ObjectStore, cache: Path) -> None:
    path = check_out(TREE_DIGEST, store=store, folder=cache)
    store.path_of(ONE).chmod(0o644)
    store.path_of(ONE).write_bytes(b"X")
    assert mend(TREE_DIGEST, store=store, folder=cache) == [f"xxh128:{ONE}"]
    assert not path.exists()
    assert (store.has(ONE), store.has(TWO)) == (False, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else can write to a read-only file")
def test_what_root_writes_to_a_layout_does_not_reach_the_store(store: ObjectStore, cache: Path) -> None:
    path = check_out(TREE_DIGEST, store=store, folder=cache)
    (path / "one").write_bytes(b"X")
    assert store.read_bytes(ONE) == b"1"


def test_all_damaged_objects_are_named_and_nothing_is_placed(store: ObjectStore, tmp_path: Path) -> None:
    for digest in (ONE, TWO):
        store.path_of(digest).chmod(0o644)
        store.path_of(digest).write_bytes(b"X")
    with pytest.raises(Damaged, match="2 objects are damaged") as raised:
        place_copies(TREE, store=store, target=tmp_path / "mine")
    assert raised.value.digests == (f"xxh128:{ONE}", f"xxh128:{TWO}")
    assert not (tmp_path / "mine").exists()


def test_a_lacking_object_is_named_and_leaves_no_folder(store: ObjectStore, cache: Path) -> None:
    store.remove(TWO)
    with pytest.raises(GitexpError, match="1 of the dataset's 2 files are not in the object store") as raised:
        check_out(TREE_DIGEST, store=store, folder=cache)
    assert raised.value.details == (f"  {TWO}  sub/two",)
    assert list(cache.iterdir()) == []


def test_the_user_gets_files_of_their_own(store: ObjectStore, tmp_path: Path) -> None:
    assert place_copies(TREE, store=store, target=tmp_path / "mine") == 2
    assert listing(tmp_path / "mine") == {"one": b"1", "sub/two": b"2"}
    (tmp_path / "mine" / "one").write_bytes(b"changed in place")
    assert store.path_of(ONE).read_bytes() == b"1"


def test_files_come_beside_what_is_there(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "mine" / "sub").mkdir(parents=True)
    (tmp_path / "mine" / "sub" / "two").write_bytes(b"2")
    (tmp_path / "mine" / "notes").write_bytes(b"mine")
    assert place_copies(TREE, store=store, target=tmp_path / "mine") == 1
    assert listing(tmp_path / "mine") == {"one": b"1", "sub/two": b"2", "notes": b"mine"}


def test_nothing_is_overwritten_and_all_that_is_in_the_way_is_named(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sub").write_bytes(b"a file where a folder must be")
    (tmp_path / "mine" / "one").write_bytes(b"another")
    with pytest.raises(GitexpError, match="2 of 2 files cannot be written") as raised:
        place_copies(TREE, store=store, target=tmp_path / "mine")
    assert raised.value.details == (f"  {tmp_path}/mine/one", f"  {tmp_path}/mine/sub")
    assert listing(tmp_path / "mine") == {"sub": b"a file where a folder must be", "one": b"another"}


def test_a_damaged_object_is_not_handed_on(store: ObjectStore, tmp_path: Path) -> None:
    store.path_of(TWO).chmod(0o644)
    store.path_of(TWO).write_bytes(b"X")
    with pytest.raises(GitexpError, match="damaged"):
        place_copies(TREE, store=store, target=tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    "path", [".git/config", "sub/.GIT/hooks/x", "GIT~1/config", ".git ./config", ".g\u200cit/config"]
)
def test_a_strangers_git_folder_is_not_written(store: ObjectStore, tmp_path: Path, path: str) -> None:
    with pytest.raises(GitexpError, match="is not written to a folder of yours"):
        place_copies(f"{ONE}  {path}\n".encode(), store=store, target=tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_a_strangers_bare_repository_is_not_written(store: ObjectStore, tmp_path: Path) -> None:
    manifest = f"{ONE}  x/HEAD\n{ONE}  x/config\n{ONE}  x/objects/a\n{ONE}  x/refs/a\n".encode()
    with pytest.raises(GitexpError, match="x/HEAD is not written to a folder of yours"):
        place_copies(manifest, store=store, target=tmp_path / "mine")


def test_of_folders_in_folders_by_the_thousand_nothing_is_left_where_they_cannot_be_written(
    store: ObjectStore, tmp_path: Path
) -> None:
    store.path_of(TWO).chmod(0o644)
    store.path_of(TWO).write_bytes(b"X")
    (tmp_path / "mine").mkdir()
    with pytest.raises(GitexpError, match=r"damaged|cannot be written"):  # more than files that may be open, or not
        place_copies(f"{TWO}  {'d/' * 1900}two\n".encode(), store=store, target=tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_path_that_leads_elsewhere_is_refused(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(GitexpError, match="leads elsewhere"):
        place_copies(f"{ONE}  ../one\n".encode(), store=store, target=tmp_path / "mine")


def test_a_file_that_would_also_be_a_folder_is_an_error(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(GitexpError, match="cannot be written"):
        place_copies(f"{ONE}  a\n{TWO}  a/b\n".encode(), store=store, target=tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_names_that_are_not_utf8_come_back_as_they_were(store: ObjectStore, tmp_path: Path) -> None:
    place_copies(f"{ONE}  ".encode() + b"\xff\n", store=store, target=tmp_path / "mine")
    assert [os.fsencode(entry.name) for entry in (tmp_path / "mine").iterdir()] == [b"\xff"]


# ---- no link is followed below the folder that was named


@pytest.mark.parametrize("link", ["folder", "nothing", "file"])
def test_a_link_on_the_way_below_the_target_is_in_the_way(store: ObjectStore, tmp_path: Path, link: str) -> None:
    outside, target = tmp_path / "outside", tmp_path / "target"
    target.mkdir()
    outside.mkdir()
    (outside / "a file").write_bytes(b"")
    (target / "sub").symlink_to({"folder": "../outside", "nothing": "../none", "file": "../outside/a file"}[link])
    with pytest.raises(GitexpError, match="1 of 2 files cannot be written") as caught:
        place_copies(TREE, store=store, target=target)
    assert caught.value.details == (f"  {target}/sub",)
    assert sorted(path.name for path in outside.iterdir()) == ["a file"]
    assert [path.name for path in target.iterdir()] == ["sub"]
    assert not (tmp_path / "none").exists()


def test_a_link_of_the_files_own_name_is_not_written_through(store: ObjectStore, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (target / "sub").mkdir(parents=True)
    (target / "sub" / "two").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GitexpError, match="1 of 2 files cannot be written"):
        place_copies(TREE, store=store, target=target)
    assert not (tmp_path / "elsewhere").exists()


def test_the_target_itself_may_be_a_link(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "target").symlink_to("disk")
    assert place_copies(TREE, store=store, target=tmp_path / "target") == 2
    assert listing(tmp_path / "disk") == {"one": b"1", "sub/two": b"2"}


def test_a_link_that_came_after_the_look_is_not_followed(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, outside = tmp_path / "target", tmp_path / "outside"
    target.mkdir()
    outside.mkdir()

    def plant(source: Path, name: bytes, *, dir_fd: int) -> str:
        if not (target / "sub").is_symlink():
            (target / "sub").symlink_to(outside)
        return copies.copy(source, name, dir_fd=dir_fd)

    monkeypatch.setattr("gitexp.datasets.objects.placing.copy", plant)
    with pytest.raises(GitexpError, match="cannot be written: Not a directory"):
        place_copies(TREE, store=store, target=target)
    assert list(outside.iterdir()) == []
