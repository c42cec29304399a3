"""Work in several threads: what ends one ends all, at their next piece."""

from __future__ import annotations

import threading

import pytest

from gitexp.datasets.remotes.threads import Work


def test_an_error_ends_the_others_at_their_next_piece() -> None:
    work, begun = Work(), threading.Event()

    def move(item: str) -> None:
        if item == "wrong":
            assert begun.wait(20)
            raise KeyError(item)
        while True:
            begun.set()
            work.told(1)

    with pytest.raises(KeyError, match="wrong"):
        list(work.each(move, ["endless", "wrong"], threads=2))


def test_whoever_leaves_early_ends_the_others() -> None:
    work = Work()

    def move(item: str) -> str:
        while item == "endless":
            work.told(1)
        return item

    for answer in work.each(move, ["endless", "short"], threads=2):
        assert answer == "short"
        break
