"""What every remote must do: a folder, S3, plain HTTP (which can only be read), and ssh."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.datasets.objects.objectname import name_of
from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.remotes.protocol import Parcel
from gitexp.datasets.remotes.transfer import FetchReport, SendReport, fetch_objects, send_objects

ONE, ONE_KEY = "xxh128:df3ce784d856334d65cd25028f98f158", "xxh128/df/3ce784d856334d65cd25028f98f158"
TWO, TWO_KEY = "xxh128:cb358fcee0dfde56fb95a7322f5da314", "xxh128/cb/358fcee0dfde56fb95a7322f5da314"
THREE = "xxh128:5fcddc9c0829c4457324dc1e7e9474f0"
EMPTY, EMPTY_KEY = "xxh128:99aa06d3014798d86001c324468d497f", "xxh128/99/aa06d3014798d86001c324468d497f"
LARGE, LARGE_KEY = "xxh128:f3fa5247b6ec05e9cce8a825357b60c9", "xxh128/f3/fa5247b6ec05e9cce8a825357b60c9"
TEN_MEGABYTES = b"0123456789" * 1_000_000
KEYED = "hmac-sha256:2a1484d0eb6287c4d707ee396e086f9d50ecb3599f364b4dc0c8175ea9565522"  # of one, under b"lab key"


class Counted:
    """Progress, added up."""

    def __init__(self) -> None:
        self.files = self.size_bytes = 0

    def expect(self, *, files: int, size_bytes: int) -> None: ...

    def advance(self, *, files: int, size_bytes: int) -> None:
        self.files += files
        self.size_bytes += size_bytes


def test_what_is_there_is_fetched_and_verified(any_remote, store: ObjectStore) -> None:
    any_remote.write(ONE_KEY, b"1")
    any_remote.write(TWO_KEY, b"2")
    any_remote.write(EMPTY_KEY, b"")
    any_remote.write(LARGE_KEY, TEN_MEGABYTES)
    report = fetch_objects([any_remote.remote], [ONE, TWO, EMPTY, LARGE], store)
    assert report == FetchReport(fetched=4, already_there=0, failures=(), size_bytes=10_000_002)
    assert store.path_of(ONE).read_bytes() == b"1"
    assert store.path_of(EMPTY).read_bytes() == b""
    assert store.path_of(LARGE).read_bytes() == TEN_MEGABYTES
    assert store.path_of(ONE).stat().st_mode & 0o777 == 0o444
    assert list(store.leftovers()) == []


def test_what_the_store_has_is_not_fetched(any_remote, store: ObjectStore, files: Path) -> None:
    store.put(files / "one", digest=ONE)
    any_remote.write(ONE_KEY, b"not asked for")
    assert fetch_objects([any_remote.remote], [ONE], store) == FetchReport(0, 1, (), 0)


def test_an_object_that_is_not_there_is_named_and_the_others_come(any_remote, store: ObjectStore) -> None:
    any_remote.write(ONE_KEY, b"1")
    report = fetch_objects([any_remote.remote], [TWO, ONE], store)
    assert report.fetched == 1
    assert [(one.key, one.kind) for one in report.failures] == [(TWO, "missing")]
    assert report.failures[0].words == f"lab ({any_remote.remote.shown}): it is not there"


def test_wrong_bytes_never_get_into_the_store(any_remote, store: ObjectStore) -> None:
    any_remote.write(ONE_KEY, b"X")
    any_remote.write(TWO_KEY, b"2")
    report = fetch_objects([any_remote.remote], [ONE, TWO], store)
    assert report.fetched == 1
    assert [(one.key, one.kind) for one in report.failures] == [(ONE, "wrong")]
    assert [held.digest for held in store.objects()] == [TWO]
    assert list(store.leftovers()) == []


def test_a_truncated_object_never_gets_into_the_store(any_remote, store: ObjectStore) -> None:
    any_remote.write(LARGE_KEY, TEN_MEGABYTES[:-1])
    report = fetch_objects([any_remote.remote], [LARGE], store)
    assert [(one.key, one.kind) for one in report.failures] == [(LARGE, "wrong")]
    assert "9999999 of them" in report.failures[0].words
    assert not store.has(LARGE)


def test_a_beginning_is_completed(any_remote, store: ObjectStore, tmp_path: Path) -> None:
    any_remote.write(LARGE_KEY, TEN_MEGABYTES)
    partial = store.root / "partial" / "xxh128-f3fa5247b6ec05e9cce8a825357b60c9"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(TEN_MEGABYTES[:9_000_000])
    assert fetch_objects([any_remote.remote], [LARGE], store) == FetchReport(1, 0, (), 10_000_000)
    assert store.path_of(LARGE).read_bytes() == TEN_MEGABYTES


@pytest.mark.parametrize("kind", ["local", "s3", "ssh"])
def test_only_the_rest_of_a_beginning_is_transferred(kind: str, store: ObjectStore, request) -> None:
    there, progress = request.getfixturevalue(kind), Counted()
    there.write(LARGE_KEY, TEN_MEGABYTES)
    partial = store.root / "partial" / "xxh128-f3fa5247b6ec05e9cce8a825357b60c9"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(TEN_MEGABYTES[:9_000_000])
    fetch_objects([there.remote], [LARGE], store, progress)
    assert (progress.files, progress.size_bytes) == (1, 1_000_000)


@pytest.mark.parametrize("beginning", [b"wrong", b"x" * 10_000_000, b"x" * 10_000_001], ids=["short", "equal", "long"])
def test_a_wrong_beginning_is_thrown_away(any_remote, store: ObjectStore, beginning: bytes) -> None:
    any_remote.write(LARGE_KEY, TEN_MEGABYTES)
    partial = store.root / "partial" / "xxh128-f3fa5247b6ec05e9cce8a825357b60c9"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(beginning)
    assert fetch_objects([any_remote.remote], [LARGE], store).failures == ()
    assert store.path_of(LARGE).read_bytes() == TEN_MEGABYTES
    assert list(store.leftovers()) == []


def test_what_the_first_remote_lacks_comes_from_the_next(any_remote, local, store: ObjectStore) -> None:
    any_remote.write(ONE_KEY, b"X")
    local.write(ONE_KEY, b"1")
    assert fetch_objects([any_remote.remote, local.remote], [ONE], store).fetched == 1


def test_a_keyed_object_is_verified_with_the_key(any_remote, store: ObjectStore) -> None:
    any_remote.write("hmac-sha256/2a/1484d0eb6287c4d707ee396e086f9d50ecb3599f364b4dc0c8175ea9565522", b"1")
    without = fetch_objects([any_remote.remote], [KEYED], store)
    other = fetch_objects([any_remote.remote], [KEYED], store, lab_key=b"another key")
    right = fetch_objects([any_remote.remote], [KEYED], store, lab_key=b"lab key")
    assert [one.kind for one in (*without.failures, *other.failures)] == ["local", "wrong"]
    assert right.fetched == 1
    assert store.read_bytes(KEYED) == b"1"


def test_a_remote_tells_which_objects_it_has(any_remote) -> None:
    any_remote.write(ONE_KEY, b"1")
    found = any_remote.remote.present([ONE_KEY, TWO_KEY])
    any_remote.remote.close()
    assert (found.there, found.unsure) == (frozenset([ONE_KEY]), {})


def test_a_remote_tells_how_long_its_objects_are(any_remote) -> None:
    any_remote.write(ONE_KEY, b"12345")
    found = any_remote.remote.present([ONE_KEY, TWO_KEY])
    any_remote.remote.close()
    assert found.size_bytes == {ONE_KEY: 5}


def test_an_object_that_is_cut_off_there_is_a_failure_and_stays(writable, files: Path) -> None:
    (files / "large").write_bytes(TEN_MEGABYTES)
    writable.write(LARGE_KEY, b"x" * 500)
    report = send_objects(writable.remote, [LARGE, ONE], {LARGE: files / "large", ONE: files / "one"}.get)
    assert (report.sent, report.already_there) == (1, 0)
    assert [(one.key, one.kind) for one in report.failures] == [(LARGE, "wrong")]
    assert report.failures[0].words.startswith("lab (")
    assert report.failures[0].words.endswith(
        f": {LARGE_KEY} has 500 of 10000000 bytes; remove it there, then push again"
    )
    assert writable.read(LARGE_KEY) == b"x" * 500


def test_a_damaged_file_here_accuses_no_remote(writable, files: Path) -> None:
    writable.write(ONE_KEY, b"1")
    (files / "one").write_bytes(b"damaged")
    assert send_objects(writable.remote, [ONE], {ONE: files / "one"}.get) == SendReport(0, 1, (), 0)


def test_a_remote_tells_which_of_many_objects_it_has(any_remote) -> None:
    any_remote.write(ONE_KEY, b"1")
    found = any_remote.remote.present([ONE_KEY, *(f"xxh128/ab/{number:030x}" for number in range(100))])
    any_remote.remote.close()
    assert (found.there, found.unsure) == (frozenset([ONE_KEY]), {})


def test_what_was_sent_lies_there_under_its_digest(writable, files: Path) -> None:
    (files / "large").write_bytes(TEN_MEGABYTES)
    (files / "empty").write_bytes(b"")
    at = {
        ONE: files / "one",
        THREE: files / "odd \"name' [x]*" / "three",
        LARGE: files / "large",
        EMPTY: files / "empty",
    }
    report = send_objects(writable.remote, at, at.get)
    assert report == SendReport(sent=4, already_there=0, failures=(), size_bytes=10_000_002)
    assert writable.read(ONE_KEY) == b"1"
    assert writable.read("xxh128/5f/cddc9c0829c4457324dc1e7e9474f0") == b"3"
    assert writable.read(LARGE_KEY) == TEN_MEGABYTES
    assert writable.read(EMPTY_KEY) == b""


def test_only_what_is_missing_is_sent(writable, files: Path) -> None:
    at = {ONE: files / "one", TWO: files / "two"}
    send_objects(writable.remote, [ONE], at.get)
    assert send_objects(writable.remote, [ONE, TWO], at.get) == SendReport(1, 1, (), 1)


def test_nothing_is_ever_overwritten(writable, files: Path) -> None:
    (files / "large").write_bytes(TEN_MEGABYTES)
    writable.write(ONE_KEY, b"was here first")
    writable.write(LARGE_KEY, b"too")
    parcels = [Parcel(name_of(ONE), files / "one"), Parcel(name_of(LARGE), files / "large")]
    answers = writable.remote.send(parcels, lambda _size: None)  # without asking first, as whoever loses a race
    writable.remote.close()
    assert answers == ["there", "there"]
    assert (writable.read(ONE_KEY), writable.read(LARGE_KEY)) == (b"was here first", b"too")


@pytest.mark.parametrize("content", [b"X", b"x" * 10_000_000], ids=["small", "large"])
def test_a_file_that_has_changed_is_not_sent(writable, files: Path, content: bytes) -> None:
    (files / "one").write_bytes(content)
    report = send_objects(writable.remote, [ONE, TWO], {ONE: files / "one", TWO: files / "two"}.get)
    assert report.sent == 1
    assert [(one.key, one.kind) for one in report.failures] == [(ONE, "local")]
    assert writable.remote.present([ONE_KEY, TWO_KEY]).there == {TWO_KEY}
    writable.remote.close()


def test_bytes_that_are_nowhere_are_named(writable, files: Path) -> None:
    report = send_objects(writable.remote, [ONE, TWO], {TWO: files / "two"}.get)
    assert report.sent == 1
    assert [(one.key, one.words) for one in report.failures] == [
        (ONE, "it is neither in the object store nor at its place")
    ]


def test_a_file_that_vanished_is_named(writable, files: Path) -> None:
    report = send_objects(writable.remote, [ONE], {ONE: files / "gone"}.get)
    assert [(one.key, one.kind) for one in report.failures] == [(ONE, "local")]


def test_a_listing_names_objects_and_nothing_else(writable) -> None:
    writable.write(ONE_KEY, b"1")
    writable.write(LARGE_KEY, TEN_MEGABYTES)
    writable.write("notes.txt", b"not an object")
    writable.write("xxh128/df/not-a-digest", b"nor is this")
    listed = sorted(writable.remote.listing())
    writable.remote.close()
    assert listed == [(ONE_KEY, 1), (LARGE_KEY, 10_000_000)]


def test_two_stores_meet_through_a_remote(writable, files: Path, store: ObjectStore, tmp_path: Path) -> None:
    at = {ONE: files / "one", TWO: files / "two"}
    send_objects(writable.remote, at, at.get)
    other = ObjectStore(tmp_path / "another lab")
    fetch_objects([writable.remote], at, other)
    assert {held.digest for held in other.objects()} == {ONE, TWO}
