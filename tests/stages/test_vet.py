"""What is promised of a dataset, held against it: the parts that no scenario shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gitexp.datasets.place import Place
from gitexp.errors import Refused
from gitexp.spec.catalogue import DatasetRef, Derived, DrawRule
from gitexp.stages.vet import Vetted, contract_table, vet

DIGEST = "xxh128:" + "ab" * 16


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "pets.csv").write_text("label,size\n" + "cat,1\ndog,2\n" * 10)
    return Place(tmp_path, tmp_path / ".git", {})


def vetted(place: Place, *, present: dict[str, str] | None = None, **stated: Any) -> Vetted:
    ref = DatasetRef("pets", path="pets.csv", **stated)
    return vet(ref, place.root / "pets.csv", DIGEST, place=place, present=present or {})


def test_a_rule_is_stated_with_what_decides_on_its_rows_and_nothing_else(place: Place) -> None:
    (place.root / "rows").write_text("19\n")
    found = vetted(
        place,
        splits={"train": DrawRule("train", fraction=0.5), "test": DrawRule("test", rest=True)},
        samples={
            "few": DrawRule("few", number=2, of="train", stratify="label"),
            "chosen": DrawRule("chosen", indices="rows"),
        },
    )
    train = {key: value for key, value in found.splits["train"].items() if key != "digest"}
    assert train == {"fraction": 0.5, "seed": 0, "rows": 10}
    assert found.splits["test"].keys() == {"rest", "rows", "digest"}
    assert found.samples["chosen"].keys() == {"indices", "rows", "digest"}
    few = {key: value for key, value in found.samples["few"].items() if key != "digest"}
    assert few == {"count": 2, "of": "train", "stratify": "label", "seed": 0, "rows": 2}
    assert found.indices["chosen"] == b"19\n"


def test_rows_that_were_noted_and_damaged_are_drawn_again(place: Place) -> None:
    rules = {"train": DrawRule("train", fraction=0.5)}
    first = vetted(place, splits=rules)
    (note,) = place.notes.glob("rows-*")
    note.write_text(note.read_text().replace("\\n1", "\\n2"))
    assert vetted(place, splits=rules).indices == first.indices
    note.write_text("[1]")
    assert vetted(place, splits=rules).indices == first.indices


def test_rows_that_cannot_be_noted_leave_nothing_half_written(place: Place) -> None:
    rules = {"train": DrawRule("train", fraction=0.5)}
    first = vetted(place, splits=rules)
    (note,) = place.notes.glob("rows-*")
    note.unlink()
    (note / "in the way").mkdir(parents=True)
    assert vetted(place, splits=rules) == first
    assert list(place.notes.iterdir()) == [note]


def test_noted_rows_are_not_drawn_again(place: Place) -> None:
    rules = {"train": DrawRule("train", fraction=0.5)}
    first = vetted(place, splits=rules)
    (place.root / "pets.csv").unlink()
    assert vetted(place, splits=rules) == first


def test_a_contract_in_a_file_that_is_not_there_or_is_wrong_is_refused_with_its_line(place: Place) -> None:
    ref = DatasetRef("animals", path="pets.csv", entry="pets", contract_file="pets.toml")
    with pytest.raises(Refused, match=r"The contract of animals, pets\.toml, does not exist") as error:
        contract_table(ref, place)
    assert error.value.fix == f"gitexp data describe pets --output {place.root}/pets.toml"
    (place.root / "pets.toml").write_text("[fields.size]\nmax = 3\nmaks = 4\n")
    with pytest.raises(Refused) as error:
        contract_table(ref, place)
    assert error.value.details[0].startswith("pets.toml:3: fields.size.maks: ")


def test_a_parent_that_nothing_is_known_of_is_not_called_stale(place: Place) -> None:
    derived = Derived({"raw": DIGEST, "more": DIGEST}, run="kkkk")
    found = vetted(place, derived=derived, present={"more": DIGEST})
    assert found.warnings == ()
    assert found.lineage == {"parents": {"raw": DIGEST, "more": DIGEST}, "run": "kkkk"}
