"""One batch through model and loss before anything is trained: what fits passes, what does not is named."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from gitexp.spec.fields import FieldSpec  # noqa: E402
from gitexp.training.joining.blame import Unusable  # noqa: E402
from gitexp.training.joining.flow import loss_through, nondeterministic_operation, shapes_through  # noqa: E402

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parent
IMAGES = {"input": torch.zeros(12, 1, 8, 8), "target": torch.zeros(12, dtype=torch.int64)}
BYTES = {**IMAGES, "input": IMAGES["input"].to(torch.uint8)}


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def network_for_three_colours() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def on_meta(make: Any) -> Any:
    with torch.device("meta"):
        return make()


def refusal(model: nn.Module, fields: dict[str, Tensor], real: Any = None) -> str:
    with pytest.raises(Unusable) as refused:
        shapes_through(model, fields, giver="preprocess", root=ROOT, real=real)
    return refused.value.what


def test_a_model_that_fits_gives_its_output_without_computing_anything():
    output = shapes_through(on_meta(perceptron), IMAGES, giver="loader", root=ROOT)
    assert output.fields == {"output": FieldSpec(("batch", 10), ("float32",))}
    assert output.value.is_meta


def test_the_layer_that_cannot_take_it_is_named_with_who_gave_what():
    flat = {"input": torch.zeros(12, 8, 8)}
    assert refusal(on_meta(network_for_three_colours), flat, network_for_three_colours).startswith(
        "model cannot take input [batch, 8, 8] float32 from preprocess:"
        " its layer `0` Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1)): Given groups=1, weight of size [4, 3, 3, 3]"
    )


def test_bytes_into_a_layer_of_floats_are_found_though_meta_does_not_see_it():
    assert refusal(on_meta(perceptron), BYTES, perceptron).startswith(
        "model cannot take input [batch, 1, 8, 8] uint8 from preprocess:"
        " its layer `1` Linear(in_features=64, out_features=10, bias=True): mat1 and mat2 must have the same dtype"
    )


def test_a_token_beyond_the_vocabulary_is_found():
    tokens = {"input": torch.full((12, 4), 30)}
    assert refusal(on_meta(lambda: nn.Embedding(30, 8)), tokens, lambda: nn.Embedding(30, 8)) == (
        "model cannot take input [batch, 4] int64 from preprocess: Embedding(30, 8): index out of range in self"
    )


class Asking(nn.Module):
    """Looks at values, which meta has none of."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        rows = images.flatten(1) + torch.arange(64)
        scores = self.layer(rows if rows.sum() > 0 else -rows)
        return {"scores": scores, "rows": rows}


def test_what_meta_cannot_tell_is_asked_of_the_real_model():
    output = shapes_through(on_meta(Asking), IMAGES, giver="loader", root=ROOT, real=Asking)
    assert output.fields == {
        "output.scores": FieldSpec(("batch", 10), ("float32",)),
        "output.rows": FieldSpec(("batch", 64), ("float32",)),
    }


class Broken(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        raise KeyError("missing")


def test_an_error_in_a_models_own_code_comes_with_its_line():
    line = Broken.forward.__code__.co_firstlineno + 1
    assert refusal(Broken(), IMAGES) == (
        f"model cannot take input [batch, 1, 8, 8] float32 from preprocess: test_flow.py:{line}: KeyError: 'missing'"
    )


def test_the_trial_changes_neither_the_model_nor_any_generator():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5)).train()
    dropping = nn.Sequential(nn.Dropout(0.5), perceptron())
    torch.manual_seed(1)
    random.seed(1)
    shapes_through(model, IMAGES, giver="loader", root=ROOT)
    nondeterministic_operation(dropping, nn.CrossEntropyLoss(), IMAGES)
    assert model.training
    assert model[0].num_batches_tracked == 0
    assert torch.rand(1).item() == 0.7576315999031067
    assert random.random() == 0.13436424411240122


def loss_refusal(loss: Any, target: Tensor) -> str:
    output = shapes_through(on_meta(perceptron), IMAGES, giver="loader", root=ROOT)
    with pytest.raises(Unusable) as refused:
        loss_through(loss, output, {"input": IMAGES["input"], "target": target}, root=ROOT)
    return refused.value.what


def test_a_loss_that_fits_passes():
    output = shapes_through(on_meta(perceptron), IMAGES, giver="loader", root=ROOT)
    loss_through(nn.CrossEntropyLoss(), output, IMAGES, root=ROOT)


def test_a_class_that_the_output_has_no_score_for_is_found():
    assert loss_refusal(nn.CrossEntropyLoss(), torch.full((12,), 10)) == (
        "loss cannot take output [batch, 10] float32 from model with target [batch] int64: Target 10 is out of bounds."
    )


def test_a_target_of_the_wrong_dtype_is_found():
    assert loss_refusal(nn.CrossEntropyLoss(), torch.zeros(12)).startswith(
        "loss cannot take output [batch, 10] float32 from model with target [batch] float32: expected"
    )


def test_shapes_that_torch_would_stretch_are_refused():
    assert loss_refusal(nn.MSELoss(), torch.zeros(12, 1)) == (
        "loss cannot take output [batch, 10] float32 from model with target [batch, 1] float32:"
        " their shapes differ, and torch would stretch one to the other"
    )


def test_a_loss_must_give_one_number_that_depends_on_the_output():
    target = IMAGES["target"]
    assert loss_refusal(nn.CrossEntropyLoss(reduction="none"), target) == (
        "loss must give one number (the mean over the batch), not [12]"
    )
    assert loss_refusal(lambda output, target: output.argmax(1).float().mean(), target) == (
        "loss gives a number that does not depend on output: nothing would be learnt"
    )


class Putting(nn.Module):
    """put_ without accumulate has no deterministic implementation, on CPU either."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        scores = self.layer(images.flatten(1)).clone()
        return scores.put_(torch.tensor([0]), torch.tensor([1.0]))


def test_an_operation_that_torch_cannot_do_deterministically_is_named():
    assert nondeterministic_operation(Putting(), nn.CrossEntropyLoss(), IMAGES) == "put_"
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_model_of_deterministic_operations_passes_without_gradients_left_behind():
    model = perceptron()
    assert nondeterministic_operation(model, nn.CrossEntropyLoss(), IMAGES) is None
    assert model[1].weight.grad is None


def test_a_step_that_only_fails_in_training_is_found_too():
    one = {"input": torch.zeros(1, 64), "target": torch.zeros(1, dtype=torch.int64)}
    model = nn.Sequential(nn.BatchNorm1d(64), nn.Linear(64, 10))
    with pytest.raises(Unusable) as refused:
        nondeterministic_operation(model, nn.CrossEntropyLoss(), one)
    assert refused.value.what.startswith(
        "one step forwards and backwards fails: ValueError: Expected more than 1 value per channel when training"
    )
