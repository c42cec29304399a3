"""The object store: bytes under their digest, write-once, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.datasets.store import ObjectStore
from gitexp.errors import GitexpError

DIGEST = "df3ce784d856334d65cd25028f98f158"  # of b"1"


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects")


@pytest.fixture
def one(tmp_path: Path) -> Path:
    path = tmp_path / "one"
    path.write_bytes(b"1")
    return path


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
