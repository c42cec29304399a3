"""Bytes on their way into the store, where several processes want the same."""

from __future__ import annotations

from pathlib import Path

from xxhash import xxh3_128_hexdigest

from gitexp.datasets.objects.objectname import name_of
from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.remotes.arrivals import Arrival


def test_what_another_fetches_meanwhile_is_not_removed_with_what_was_kept(tmp_path: Path) -> None:
    store, name = ObjectStore(tmp_path), name_of(xxh3_128_hexdigest(b"cat"))
    with store.batch() as ours, store.batch() as theirs:
        with Arrival(store, ours, name) as first:
            first.append(b"cat")
            assert first.keep() == 3
            other = Arrival(store, theirs, name)  # the object has no name yet, so another begins anew
            assert other.path == first.path
        with other:
            other.append(b"cat")
            assert other.keep() == 3
        assert (ours.settle(), theirs.settle()) == ({}, {})
    assert store.read_bytes(name.digest) == b"cat"
