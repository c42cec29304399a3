"""Objects read through one git, whole and in pieces."""

from __future__ import annotations

import pytest
from harness import Lab

from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import find_repo


def test_who_stops_amid_an_object_spoils_no_later_answer(fresh: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fresh.path)
    fresh.write("large", "line\n" * 200_000)
    fresh.write("small", "small\n")
    fresh.commit()
    with ObjectReader(find_repo(fresh.path)) as reader:
        taken = reader.blocks("HEAD:large")
        assert next(taken).startswith(b"line\n")
        assert reader.read("HEAD:small") == b"small\n"  # `taken` lives on, as in the traceback of an error
        with pytest.raises(AssertionError, match="meanwhile"):
            next(taken)
        again = reader.blocks("HEAD:large")
        next(again)
    again.close()
