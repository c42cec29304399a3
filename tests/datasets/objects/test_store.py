"""The object store: bytes under their digest, write-once, whole or not at all."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from gitexp.datasets.objects.store import ObjectStore
from gitexp.errors import GitexpError

DIGEST = "df3ce784d856334d65cd25028f98f158"  # of b"1"


@pytest.mark.parametrize("how", [ObjectStore.put, ObjectStore.take])
def test_bytes_are_kept_read_only_under_their_digest(store: ObjectStore, one: Path, how: object) -> None:
    how(store, one, digest=DIGEST)  # type: ignore[operator]
    kept = store.root / "xxh128" / "df" / "3ce784d856334d65cd25028f98f158"
    assert store.has(DIGEST)
    assert kept.read_bytes() == b"1"
    assert kept.stat().st_mode & 0o777 == 0o444


def test_what_is_there_is_never_written_again(store: ObjectStore, one: Path) -> None:
    store.put(one, digest=DIGEST)
    before = store.path_of(DIGEST).stat()
    store.put(one, digest=DIGEST)
    store.take(one, digest=DIGEST)
    after = store.path_of(DIGEST).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("how", [ObjectStore.put, ObjectStore.take, ObjectStore.adopt])
def test_an_object_of_another_size_is_damaged_and_gives_way_to_verified_bytes(
    store: ObjectStore, one: Path, how: object
) -> None:
    store.put_bytes(b"1")
    store.path_of(DIGEST).chmod(0o644)
    store.path_of(DIGEST).write_bytes(b"longer than it should be")
    how(store, one, digest=DIGEST)  # type: ignore[operator]
    assert store.path_of(DIGEST).read_bytes() == b"1"
    assert store.path_of(DIGEST).stat().st_mode & 0o777 == 0o444
    assert list(store.leftovers()) == []


def test_a_damaged_object_stays_until_the_bytes_are_verified(store: ObjectStore, one: Path) -> None:
    store.put_bytes(b"1")
    store.path_of(DIGEST).chmod(0o644)
    store.path_of(DIGEST).write_bytes(b"")
    one.write_bytes(b"2")
    with pytest.raises(GitexpError, match="changed while it was being stored"):
        store.put(one, digest=DIGEST)
    assert store.path_of(DIGEST).read_bytes() == b""


def test_bytes_replace_an_object_of_another_size(store: ObjectStore) -> None:
    store.put_bytes(b"1")
    store.path_of(DIGEST).chmod(0o644)
    store.path_of(DIGEST).write_bytes(b"")
    assert [store.holds(DIGEST, 0), store.holds(DIGEST, 1), store.holds(DIGEST, None)] == [True, False, True]
    store.put_bytes(b"1")
    assert store.read_bytes(DIGEST) == b"1"


def test_digests_are_found_by_their_beginning(store: ObjectStore) -> None:
    store.put_bytes(b"1")
    assert store.beginning_with("df3ce7") == [f"xxh128:{DIGEST}"]
    assert store.beginning_with("df3ce8") == []
    assert store.beginning_with("aa3ce7") == []


def test_wrong_bytes_are_refused_and_leave_nothing(store: ObjectStore, one: Path) -> None:
    one.write_bytes(b"2")
    with pytest.raises(GitexpError, match="changed while it was being stored"):
        store.put(one, digest=DIGEST)
    assert not store.has(DIGEST)
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_a_copy_does_not_follow_later_writes(store: ObjectStore, one: Path) -> None:
    store.put(one, digest=DIGEST)
    one.write_bytes(b"2")
    assert store.path_of(DIGEST).read_bytes() == b"1"


def test_a_process_that_outlives_its_program_cannot_write_to_the_object(store: ObjectStore, one: Path) -> None:
    with one.open("r+b") as still_open:
        store.take(one, digest=DIGEST)
        still_open.write(b"2")
        still_open.flush()
        assert store.path_of(DIGEST).read_bytes() == b"1"


def test_a_process_that_has_the_file_mapped_cannot_write_to_the_object(store: ObjectStore, one: Path) -> None:
    with one.open("r+b") as opened:
        mapped = mmap.mmap(opened.fileno(), 1)
    with mapped:
        store.take(one, digest=DIGEST)
        mapped[0] = ord("2")
        assert store.path_of(DIGEST).read_bytes() == b"1"


def test_what_nobody_writes_to_is_not_copied(store: ObjectStore, one: Path) -> None:
    store.take(one, digest=DIGEST)
    assert store.path_of(DIGEST).samefile(one)


def test_a_file_with_other_names_is_copied_and_stays_as_it_was(store: ObjectStore, one: Path, tmp_path: Path) -> None:
    (tmp_path / "another name").hardlink_to(one)
    store.take(one, digest=DIGEST)
    one.write_bytes(b"2")
    assert store.path_of(DIGEST).read_bytes() == b"1"


def test_the_users_own_file_is_never_a_second_name_of_the_object(store: ObjectStore, one: Path) -> None:
    store.put(one, digest=DIGEST)
    assert not store.path_of(DIGEST).samefile(one)


@pytest.mark.parametrize("how", [ObjectStore.take, ObjectStore.adopt])
def test_taken_bytes_are_verified_too(store: ObjectStore, one: Path, how: object) -> None:
    one.write_bytes(b"2")
    with pytest.raises(GitexpError, match="changed while it was being stored"):
        how(store, one, digest=DIGEST)  # type: ignore[operator]
    assert not store.has(DIGEST)


def test_bytes_are_stored_under_their_digest(store: ObjectStore) -> None:
    assert store.put_bytes(b"1") == f"xxh128:{DIGEST}"
    assert store.read_bytes(f"xxh128:{DIGEST}") == b"1"


def test_an_object_that_somebody_changed_is_not_read(store: ObjectStore) -> None:
    store.put_bytes(b"1")
    store.path_of(DIGEST).chmod(0o644)
    store.path_of(DIGEST).write_bytes(b"2")
    assert not store.is_whole(DIGEST)
    with pytest.raises(GitexpError, match="damaged"):
        store.read_bytes(DIGEST)


def test_all_objects_are_listed_with_their_sizes(store: ObjectStore) -> None:
    store.put_bytes(b"1")
    store.put_keyed(b"22", f"hmac-sha256:{'0' * 64}")
    (store.root / "xxh128" / "df" / "a stranger's file").write_bytes(b"")
    assert sorted(held[:2] for held in store.objects()) == [
        (f"hmac-sha256:{'0' * 64}", 2),
        (f"xxh128:{DIGEST}", 1),
    ]


def test_an_empty_store_has_no_objects(store: ObjectStore) -> None:
    assert list(store.objects()) == []


def test_a_removed_object_is_gone_and_removing_it_again_is_no_error(store: ObjectStore) -> None:
    store.put_bytes(b"1")
    store.remove(DIGEST)
    store.remove(DIGEST)
    assert not store.has(DIGEST)


@pytest.mark.parametrize(
    "digest", ["", "xxh128:", "../../etc/passwd", "x" * 32, "sha256:" + "0" * 64, "0" * 31, "A" * 32]
)
def test_what_is_no_digest_is_refused(store: ObjectStore, digest: str) -> None:
    with pytest.raises(GitexpError, match="Not a digest"):
        store.path_of(digest)


def test_folders_of_a_shared_store_take_over_its_mode(tmp_path: Path, one: Path) -> None:
    root = tmp_path / "lab"
    root.mkdir()
    root.chmod(0o2775)
    before = os.umask(0o077)
    try:
        ObjectStore(root).put(one, digest=DIGEST)
    finally:
        os.umask(before)
    assert [(root / name).stat().st_mode & 0o7777 for name in ("xxh128", "xxh128/df", "incoming")] == [0o2775] * 3
    assert ObjectStore(root).path_of(DIGEST).stat().st_mode & 0o777 == 0o444
