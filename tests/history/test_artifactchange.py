"""Files that two runs saved, by digest: the same, different, only in one, or the same under another path."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gitexp.history.artifactchange import artifact_changes
from gitexp.history.read import Artifacts

ADDED = ("added", "3/w", None)


def run(**files: str) -> Any:
    listed = tuple((path.replace("__", "/"), digest) for path, digest in sorted(files.items()))
    return SimpleNamespace(artifacts=Artifacts(len(listed), listed), artifact_sizes={})


@pytest.mark.parametrize(
    ("a", "b", "states"),
    [
        ({"w": "1"}, {"w": "1"}, [("same", "w", None)]),
        ({"w": "1"}, {"w": "2"}, [("different", "w", None)]),
        ({"w": "1"}, {"v": "2"}, [("added", "v", None), ("removed", "w", None)]),
        ({"out__1__w": "1"}, {"out__2__w": "1"}, [("moved", "out/2/w", "out/1/w")]),
        ({"out__1__w": "1"}, {"out__2__w": "2"}, [("different", "out/2/w", "out/1/w")]),
        ({"a": "1"}, {"b": "1"}, [("moved", "b", "a")]),
        ({"a": "1", "b": "1"}, {"c": "1"}, [("added", "c", None), ("removed", "a", None), ("removed", "b", None)]),
        ({"1__w": "1", "2__w": "2"}, {"3__w": "3"}, [ADDED, ("removed", "1/w", None), ("removed", "2/w", None)]),
        ({"1__a": "1", "1__b": "2"}, {"2__a": "2"}, [("moved", "2/a", "1/b"), ("removed", "1/a", None)]),
    ],
)
def test_a_change_has_a_state(a: dict[str, str], b: dict[str, str], states: list[tuple[str, str, str | None]]) -> None:
    found = artifact_changes(run(**a), run(**b)).files
    assert sorted((one.state, one.path, one.was) for one in found) == sorted(states)
