"""Real batches against what cards declare."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from gitexp.spec.card import Card  # noqa: E402
from gitexp.spec.fields import FieldSpec  # noqa: E402
from gitexp.training.joining.contracts import (  # noqa: E402
    batch_problems,
    field_shapes,
    fit_problems,
    kept_promises,
    not_finite,
    values_fit,
)

pytestmark = pytest.mark.torch

NAN = float("nan")


def test_the_first_dimension_of_a_batch_is_called_so():
    fields = {"input": torch.zeros(4, 1, 8, 8, dtype=torch.uint8), "target": torch.zeros(4, dtype=torch.int64)}
    assert field_shapes(fields) == {
        "input": FieldSpec(("batch", 1, 8, 8), ("uint8",)),
        "target": FieldSpec(("batch",), ("int64",)),
    }


def test_a_batch_must_be_tensors_by_field_with_equal_rows():
    assert batch_problems("loader", [1, 2]) == [
        "loader gives a list; it must give a dict of tensors by the names of fields"
    ]
    assert batch_problems("loader", {"input": torch.zeros(3, 2), "target": torch.zeros(4), "name": "x"}) == [
        "loader gives name as a str, not as a tensor",
        "loader gives fields with different numbers of rows: input with 3, target with 4",
    ]
    assert batch_problems("loader", {"input": torch.tensor(1.0)}) == [
        "loader gives input without a dimension for rows"
    ]  # fmt: skip
    assert batch_problems("loader", {"input": torch.zeros(0, 2)}) == ["loader gives no rows"]


def test_fields_that_the_next_one_needs_must_be_there():
    assert batch_problems("preprocess", {"inputs": torch.zeros(2), "y": torch.zeros(2)}, ("input", "target")) == [
        "preprocess gives only inputs, y; input and target must be among them; did you mean inputs?"
    ]


def test_a_component_that_breaks_its_own_card_is_named():
    declared = {"input": FieldSpec(("batch", 64), ("float32",)), "mask": FieldSpec(("batch",), ("bool",))}
    assert kept_promises("loader", {"input": torch.zeros(2, 8, 8)}, declared) == [
        "the card of loader says that it gives input [batch, 64] float32, but it gives [batch, 8, 8] float32",
        "the card of loader says that it gives mask [batch] bool, but it gives only input",
    ]


def test_values_beyond_the_declared_range_are_a_broken_promise():
    declared = {"input": FieldSpec(("batch",), (), (0.0, 1.0))}
    assert kept_promises("loader", {"input": torch.tensor([0.0, 1.0, NAN])}, declared) == []
    assert kept_promises("loader", {"input": torch.tensor([-0.5, 16.0])}, declared) == [
        "the card of loader says that it gives input from 0 to 1, but the first batch has -0.5 to 16"
    ]
    assert values_fit("loader", {"input": torch.tensor([-0.5, 16.0])}, "model", declared) == [
        "model expects input from 0 to 1, loader gives -0.5 to 16"
    ]


def test_nan_and_infinity_do_not_reach_a_model():
    fields = {"input": torch.tensor([[1.0, NAN], [NAN, NAN], [0.0, 1.0]]), "target": torch.tensor([0.0, 1.0, 2.0])}
    assert not_finite("preprocess", fields) == ["preprocess gives input with NaN in 2 of 3 rows of the first batch"]
    assert not_finite("preprocess", fields, of="train") == ["preprocess gives input with NaN in 2 of 3 rows of train"]
    endless = {"input": torch.tensor([1, 2]), "target": torch.tensor([1.0, float("inf")])}
    assert not_finite("loader", endless) == ["loader gives target with infinity in 1 of 2 rows of the first batch"]


class Fitted:
    random = True

    def fit(self, fields: object) -> None: ...


def test_a_step_that_cannot_keep_what_it_fits_is_refused():
    assert fit_problems("preprocess.scale", Fitted(), None) == [
        "preprocess.scale has fit() but no state_dict() and no load_state_dict(): what it fits is lost",
        "preprocess.scale has fit() and is random; a step that works on each batch anew cannot be fitted",
    ]


def test_a_card_that_says_fitted_needs_a_step_with_fit():
    assert fit_problems("preprocess.scale", object(), Card("Scale", fits_on="train")) == [
        "preprocess.scale: its card says that it is fitted on train, but it has no fit()"
    ]
