"""What a dataset was made of, back to the sources."""

from __future__ import annotations

import pytest

from gitexp.errors import Refused
from gitexp.spec.catalogue import DatasetRef, Derived
from gitexp.spec.lineage import ancestors


def dataset(name: str, **parents: str) -> DatasetRef:
    return DatasetRef(name, path=name, derived=Derived(parents) if parents else None)


def catalogue(*datasets: DatasetRef) -> dict[str, DatasetRef]:
    return {one.name: one for one in datasets}


def test_a_parent_that_has_moved_on_is_stale_and_one_that_nobody_knows_is_not() -> None:
    known = catalogue(dataset("clean", raw="r1", labels="l1", lost="x1"), dataset("raw"), dataset("labels"))
    top = ancestors("clean", known, {"clean": "c1", "raw": "r2", "labels": "l1"}.get)
    assert [(one.name, one.noted, one.present, one.stale) for one in top.parents] == [
        ("raw", "r1", "r2", True),
        ("labels", "l1", "l1", False),
        ("lost", "x1", None, False),
    ]
    assert (top.noted, top.present, top.stale) == (None, "c1", False)


def test_a_dataset_that_is_met_again_is_not_drawn_again() -> None:
    known = catalogue(dataset("d", b="1", c="1"), dataset("b", a="1"), dataset("c", b="1"), dataset("a"))
    top = ancestors("d", known, lambda _: None)
    b, c = top.parents
    assert [one.name for one in b.parents] == ["a"]
    assert (c.parents[0].name, c.parents[0].again, c.parents[0].parents) == ("b", True, ())


def test_a_dataset_that_is_made_of_itself_is_refused() -> None:
    known = catalogue(dataset("a", b="1"), dataset("b", c="1"), dataset("c", b="1"))
    with pytest.raises(Refused, match=r"^Dataset b is made of itself: b → c → b$"):
        ancestors("a", known, lambda _: None)


def test_ancestors_without_end_are_refused() -> None:
    known = catalogue(*(dataset(f"d{n}", **{f"d{n + 1}": "1"}) for n in range(2000)))
    with pytest.raises(Refused, match=r"^Dataset d0 has more than 100 generations of ancestors$"):
        ancestors("d0", known, lambda _: None)


def test_a_parent_whose_version_nobody_has_noted_is_drawn_and_is_not_stale() -> None:
    known = catalogue(DatasetRef("clean", path="c", derived=Derived({"raw": None})), dataset("raw"))
    (raw,) = ancestors("clean", known, {"raw": "r1"}.get).parents
    assert (raw.is_noted, raw.noted, raw.present, raw.stale) == (False, None, "r1", False)
