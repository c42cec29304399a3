"""Many new objects for one wait for the disk: none has its name before its bytes are safe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from gitexp import durable
from gitexp.datasets.digest import digest_file
from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.remotes.folder import LocalRemote
from gitexp.datasets.remotes.transfer import fetch_objects, send_objects
from gitexp.errors import GitexpError

DIGEST = "df3ce784d856334d65cd25028f98f158"  # of b"1"
DIES_WITH_AN_OPEN_BATCH = """
import os, sys
from pathlib import Path
from gitexp.datasets.objects.store import ObjectStore
with ObjectStore(Path(sys.argv[1])).batch() as batch:
    batch.put(Path(sys.argv[2]), digest=sys.argv[3])
    os._exit(9)
"""


@pytest.fixture
def hundred(tmp_path: Path) -> ObjectStore:
    """A store of a hundred objects."""
    store = ObjectStore(tmp_path / "a hundred")
    for number in range(100):
        store.put_bytes(b"%d" % number)
    return store


@pytest.fixture
def steps() -> Iterator[list[str]]:
    """What this thread asked of the disk: "wait" for one file or folder, "wait for all", "name"."""
    seen: list[str] = []

    def note(frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" and called is os.fsync:
            seen.append("wait")
        elif event == "c_call" and called is os.link:
            seen.append("name")
        elif event == "call" and frame.f_code is durable.sync_file_system.__code__:
            seen.append("wait for all")

    sys.setprofile(note)
    yield seen
    sys.setprofile(None)


def test_an_object_has_no_name_before_its_batch_is_settled(store: ObjectStore, one: Path) -> None:
    with store.batch() as batch:
        assert batch.put(one, digest=DIGEST)
        assert not store.has(DIGEST)
        assert batch.settle() == {}
        assert store.has(DIGEST)
    assert store.read_bytes(DIGEST) == b"1"
    assert list(store.leftovers()) == []


def test_a_few_objects_are_waited_for_one_by_one(store: ObjectStore, one: Path, steps: list[str]) -> None:
    store.put(one, digest=DIGEST)
    assert steps == ["wait", "name", "wait"]


def test_many_objects_are_waited_for_at_once_and_then_named(
    hundred: ObjectStore, tmp_path: Path, steps: list[str]
) -> None:
    digests = [held.digest for held in hundred.objects()]
    (tmp_path / "lab").mkdir()
    steps.clear()
    report = send_objects(LocalRemote("lab", tmp_path / "lab"), digests, hundred.path_of)
    assert (report.sent, report.failures) == (100, ())
    assert steps == ["wait for all", *["name"] * 100, "wait for all"]


def test_many_objects_that_arrive_are_waited_for_at_once(
    hundred: ObjectStore, store: ObjectStore, steps: list[str]
) -> None:
    digests = [held.digest for held in hundred.objects()]
    steps.clear()
    report = fetch_objects([LocalRemote("lab", hundred.root)], digests, store)
    assert (report.fetched, report.failures) == (100, ())
    assert steps == ["wait for all", *["name"] * 100, "wait for all"]
    assert list(store.leftovers()) == []


def test_a_batch_that_dies_leaves_no_object(store: ObjectStore, one: Path) -> None:
    argv = [sys.executable, "-c", DIES_WITH_AN_OPEN_BATCH, str(store.root), str(one), DIGEST]
    assert subprocess.run(argv, check=False).returncode == 9
    assert list(store.objects()) == []
    assert len(list(store.leftovers())) == 1


def test_what_was_stored_before_an_error_is_named(store: ObjectStore, one: Path, tmp_path: Path) -> None:
    (tmp_path / "two").write_bytes(b"not what it was")
    with pytest.raises(GitexpError, match="changed while it was being stored"), store.batch() as batch:
        batch.put(one, digest=DIGEST)
        batch.put(tmp_path / "two", digest="0" * 32)
    assert [held.digest for held in store.objects()] == [f"xxh128:{DIGEST}"]
    assert list(store.leftovers()) == []


def test_the_same_bytes_twice_are_one_object(store: ObjectStore, one: Path) -> None:
    with store.batch() as batch:
        assert [batch.put(one, digest=DIGEST), batch.put(one, digest=DIGEST)] == [True, False]


def test_an_object_that_cannot_get_its_name_is_told(store: ObjectStore, one: Path) -> None:
    store.root.mkdir()
    (store.root / "xxh128").write_bytes(b"no folder")
    with pytest.raises(GitexpError, match=f"xxh128:{DIGEST} could not be stored"), store.batch() as batch:
        batch.put(one, digest=DIGEST)
    assert list(store.leftovers()) == []


def test_many_files_that_are_done_with_are_taken_for_one_wait_and_not_copied(
    store: ObjectStore, tmp_path: Path, steps: list[str]
) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    for number in range(100):
        (folder / str(number)).write_bytes(str(number).encode())
    steps.clear()
    with store.batch() as batch:
        for path in folder.iterdir():
            batch.take(path, digest=digest_file(os.fsencode(path)).digest)
    assert steps == [*["name"] * 100, "wait for all", *["name"] * 100, "wait for all"]
    assert (folder / "7").stat().st_nlink == 2
    assert len(list(store.objects())) == 100
