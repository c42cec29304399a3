"""Preprocessing: fitted on the training rows alone, applied to all splits, and loaded, not fitted, when going on."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from gitexp.training.data import Batches, Table  # noqa: E402
from gitexp.training.preprocess import fitted_states, prepare  # noqa: E402

pytestmark = pytest.mark.torch

Fields = dict[str, Tensor]


class Centre:
    """Takes the mean away; remembers what it was fitted on."""

    def __init__(self) -> None:
        self.fitted_on: list[list[float]] = []
        self.mean = 0.0

    def fit(self, fields: Fields) -> None:
        self.fitted_on.append(fields["input"].tolist())
        self.mean = fields["input"].mean().item()

    def __call__(self, fields: Fields) -> Fields:
        return {**fields, "input": fields["input"] - self.mean}

    def state_dict(self) -> dict[str, Any]:
        return {"mean": self.mean}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.mean = state["mean"]


class Twice:
    def __call__(self, fields: Fields) -> Fields:
        return {**fields, "input": fields["input"] * 2}


class DropFirst:
    train_only = True

    def __call__(self, fields: Fields) -> Fields:
        return {name: values[1:] for name, values in fields.items()}


class Shake:
    random = True

    def __call__(self, fields: Fields, generator: torch.Generator) -> Fields:
        return {**fields, "input": fields["input"] + torch.rand(fields["input"].shape, generator=generator)}


class Slowly(torch.utils.data.Dataset):
    """Rows that are not in memory."""

    def __init__(self, *values: float) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {"input": torch.tensor(self.values[row])}


def splits() -> dict[str, Table]:
    return {"train": Table({"input": torch.tensor([1.0, 3.0])}), "val": Table({"input": torch.tensor([10.0])})}


def values(split: Any) -> list[float]:
    return split.fields["input"].tolist()


def test_a_step_is_fitted_once_on_the_training_rows_as_earlier_steps_left_them():
    centre = Centre()
    prepared = prepare(splits(), {"twice": Twice(), "centre": centre})
    assert centre.fitted_on == [[2.0, 6.0]]
    assert values(prepared.splits["train"]) == [-2.0, 2.0]
    assert values(prepared.splits["val"]) == [16.0]


def test_what_was_fitted_has_a_digest_that_follows_its_state():
    digests = prepare(splits(), {"centre": Centre(), "twice": Twice()}).digests
    assert list(digests) == ["preprocess.centre"]
    others = {**splits(), "train": Table({"input": torch.tensor([1.0, 4.0])})}
    assert prepare(others, {"centre": Centre()}).digests != digests
    assert prepare(splits(), {"centre": Centre()}).digests == digests


def test_going_on_the_state_is_loaded_and_nothing_fitted():
    before, centre = Centre(), Centre()
    digests = prepare(splits(), {"centre": before}).digests
    others = {**splits(), "train": Table({"input": torch.tensor([100.0])})}
    prepared = prepare(others, {"centre": centre}, states=fitted_states({"centre": before}))
    assert centre.fitted_on == []
    assert values(prepared.splits["train"]) == [98.0]
    assert prepared.digests == digests


def test_a_step_for_training_rows_leaves_the_others():
    prepared = prepare(splits(), {"drop": DropFirst()})
    assert values(prepared.splits["train"]) == [3.0]
    assert values(prepared.splits["val"]) == [10.0]


def test_a_random_step_waits_for_the_training_batches():
    prepared = prepare(splits(), {"shake": Shake(), "twice": Twice()})
    assert prepared.random == ("shake",)
    assert values(prepared.splits["train"]) == [2.0, 6.0]
    batches = Batches(prepared.splits["train"], batch_size=2, seed=1, augment=prepared.augment)
    seen = [next(batches.shuffled(epoch)).fields["input"].sort().values for epoch in (0, 1)]
    assert [((rows - torch.tensor([2.0, 6.0])) > 0).all().item() for rows in seen] == [True, True]
    assert seen[0].tolist() != seen[1].tolist()


class Gives:
    """A step that gives something else than fields."""

    def __init__(self, made: Any) -> None:
        self.made = made

    def __call__(self, fields: Fields) -> Any:
        return self.made


@pytest.mark.parametrize(("made", "kind"), [(None, "NoneType"), (torch.ones(3), "Tensor")])
def test_a_step_that_gives_no_fields_is_told_what_it_should_give(made: Any, kind: str):
    with pytest.raises(TypeError, match=f"a step must give its fields back as a dict, it gave {kind}"):
        prepare({"train": Table({"input": torch.ones(3, 2)})}, {"odd": Gives(made)})


class InPlace:
    """A step that spoils what it gets."""

    def __call__(self, fields: Fields) -> Fields:
        fields["input"] += 1
        return fields


def test_a_step_that_writes_into_what_it_gets_is_refused_gaps_or_not():
    with pytest.raises(ValueError, match="it writes into the field input that it gets"):
        prepare({"train": Table({"input": torch.tensor([[1.0], [float("nan")]])})}, {"spoils": InPlace()})


class FitsInPlace(Centre):
    """A step that spoils the training rows while it is fitted."""

    def fit(self, fields: Fields) -> None:
        fields["input"].sub_(1.0)


def test_a_step_that_writes_into_the_rows_it_is_fitted_on_is_refused():
    with pytest.raises(ValueError, match="it writes into the field input that it gets"):
        prepare({"train": Table({"input": torch.ones(3, 2)})}, {"spoils": FitsInPlace()})


def test_a_step_for_training_rows_that_are_not_in_memory_is_refused():
    doubles = Twice()
    doubles.train_only = True
    with pytest.raises(ValueError, match="it needs a Table, in memory"):
        prepare({"train": Slowly(1.0)}, {"doubles": doubles})


def test_rows_that_are_not_in_memory_meet_the_same_steps_when_they_are_loaded():
    centre = Centre()
    slow = {"train": Slowly(1.0, 3.0), "val": Slowly(10.0)}
    prepared = prepare(slow, {"twice": Twice(), "centre": centre})
    assert centre.fitted_on == [[2.0, 6.0]]
    train = Batches(prepared.splits["train"], batch_size=2, seed=1, lazily=prepared.lazily["train"])
    val = Batches(prepared.splits["val"], batch_size=2, seed=1, lazily=prepared.lazily["val"])
    assert next(train.in_order()).fields["input"].tolist() == [-2.0, 2.0]
    assert next(val.in_order()).fields["input"].tolist() == [16.0]
    assert train.split is slow["train"]
