"""The checks that tests of a component use find what is wrong with one, and pass what is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from gitexp.training.testing import (  # noqa: E402 -- where torch is missing there is nothing to import
    LinearStub,
    RecordingOptimizer,
    TenSamples,
    check_loader,
    check_model,
    check_step,
    component,
    ten_samples,
)

pytestmark = pytest.mark.torch


# ---- data


def test_ten_samples_have_the_shapes_that_were_asked_for() -> None:
    table = ten_samples({"input": (1, 8, 8), "target": 3, "weight": ()})
    assert {name: list(values.shape) for name, values in table.fields.items()} == {
        "input": [10, 1, 8, 8],
        "target": [10],
        "weight": [10],
    }
    assert table.fields["target"].tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    assert table.fields["target"].dtype == torch.int64


def test_ten_samples_are_the_same_each_time_and_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    assert torch.equal(ten_samples({"x": (4,)}).fields["x"], ten_samples({"x": (4,)}).fields["x"])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_tensor_is_taken_as_it_is() -> None:
    images = torch.zeros(10, 2, dtype=torch.uint8)
    assert ten_samples({"input": images}).fields["input"] is images


def test_the_loader_of_ten_samples_is_a_right_one() -> None:
    loader = TenSamples({"input": (8,), "target": 2})
    check_loader(loader)
    assert [len(loader.splits["train"]), len(loader.splits["val"])] == [10, 5]


# ---- stand-ins


def test_the_linear_stub_takes_pixels_and_is_a_right_model() -> None:
    stub = LinearStub((1, 8, 8), 10)
    assert check_model(stub, torch.ones(10, 1, 8, 8, dtype=torch.uint8), output=(10,)).dtype == torch.float32


def test_the_recording_optimizer_remembers_gradients_and_rates_and_changes_nothing() -> None:
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = RecordingOptimizer([weight], lr=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (weight * torch.tensor([3.0, 4.0])).sum().backward()
        optimizer.step()
        scheduler.step()
    assert [[grad.tolist() for grad in step if grad is not None] for step in optimizer.gradients] == [[[3.0, 4.0]]] * 2
    assert optimizer.rates == [0.5, 0.05]
    assert weight.tolist() == [1.0, 2.0]


# ---- steps


class Centre:
    """Subtracts the mean of the rows that it was fitted on."""

    def __init__(self) -> None:
        self.mean = torch.zeros(1)

    def fit(self, fields: dict[str, Any]) -> None:
        self.mean = fields["input"].mean()

    def state_dict(self) -> dict[str, Any]:
        return {"mean": self.mean}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.mean = state["mean"]

    def __call__(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "input": fields["input"] - self.mean}


class InPlace(Centre):
    def __call__(self, fields: dict[str, Any]) -> dict[str, Any]:
        fields["input"] -= self.mean
        return dict(fields)


class FitsInPlace(Centre):
    def fit(self, fields: dict[str, Any]) -> None:
        super().fit(fields)
        fields["input"] -= self.mean


class FitsWhenApplied(Centre):
    def __call__(self, fields: dict[str, Any]) -> dict[str, Any]:
        before, self.mean = self.mean, fields["input"].max()
        return {**fields, "input": fields["input"] - before}


class Forgets(Centre):
    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class WithoutState:
    def fit(self, fields: dict[str, Any]) -> None:
        pass

    def __call__(self, fields: dict[str, Any]) -> dict[str, Any]:
        return dict(fields)


class Drops:
    def __call__(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {name: values[:5] for name, values in fields.items()}


class DropsInTraining(Drops):
    train_only = True


class Draws:
    def __call__(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "input": fields["input"] + torch.rand(())}


class Noise:
    random = True

    def __call__(self, fields: dict[str, Any], generator: Any) -> dict[str, Any]:
        return {**fields, "input": fields["input"] + torch.rand((), generator=generator)}


class NoiseFromElsewhere(Noise):
    def __call__(self, fields: dict[str, Any], generator: Any) -> dict[str, Any]:
        return {**fields, "input": torch.rand_like(fields["input"])}


class SameDict:
    def __call__(self, fields: dict[str, Any]) -> dict[str, Any]:
        fields["more"] = fields["input"]
        return fields


def step_fails(step: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_step(step, ten_samples({"input": (2,), "target": 2}).fields)


def test_a_right_step_passes_and_its_result_comes_back() -> None:
    result = check_step(Centre(), {"input": torch.tensor([[1.0], [3.0]])})
    assert result["input"].tolist() == [[-1.0], [1.0]]


def test_a_random_step_that_draws_from_its_generator_passes() -> None:
    check_step(Noise(), ten_samples({"input": (2,)}).fields)


def test_a_step_that_writes_into_what_it_gets_is_found() -> None:
    step_fails(InPlace(), "must not write into the tensors that it gets: it changed input")
    step_fails(FitsInPlace(), "fit must only read the fields: it changed input")
    step_fails(SameDict(), "a step must return a new dict")


def test_a_step_that_draws_from_the_global_generator_is_found() -> None:
    step_fails(Draws(), "a generator of its own, seeded by an argument, not from the global one of torch")
    step_fails(NoiseFromElsewhere(), "the generator that it gets, not from the global one of torch")


def test_a_step_that_is_fitted_while_it_is_applied_is_found() -> None:
    step_fails(FitsWhenApplied(), "must give the same result twice|must not change what was fitted")


def test_a_step_whose_state_does_not_come_back_is_found() -> None:
    step_fails(Forgets(), "a step with the state of another must do the same: different was input")
    step_fails(WithoutState(), "a step with fit needs state_dict")


def test_only_a_step_for_training_may_drop_rows() -> None:
    step_fails(Drops(), "10 rows became .*; only a train_only step may do that")
    check_step(DropsInTraining(), ten_samples({"input": (2,), "target": 2}).fields)


# ---- models


class Dead(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used = torch.nn.Linear(4, 2)
        self.forgotten = torch.nn.Linear(4, 2)

    def forward(self, rows: Any) -> Any:
        return self.used(rows)


class AlwaysDrops(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 2)

    def forward(self, rows: Any) -> Any:
        return torch.nn.functional.dropout(self.linear(rows), 0.5, training=True)


def test_a_parameter_that_no_gradient_reaches_is_named() -> None:
    with pytest.raises(AssertionError, match=r"no gradient reaches forgotten\.weight, forgotten\.bias"):
        check_model(Dead(), torch.ones(10, 4))


def test_a_model_that_is_random_in_eval_mode_is_found() -> None:
    with pytest.raises(AssertionError, match="in eval mode the same input must give the same output"):
        check_model(AlwaysDrops(), torch.ones(10, 4))


def test_a_model_of_another_shape_is_found() -> None:
    with pytest.raises(AssertionError, match=r"expected \[10, 3\], the model gives \[10, 2\]"):
        check_model(LinearStub((4,), 2), torch.ones(10, 4), output=(3,))
    with pytest.raises(AssertionError, match=r"one output for each row: 10 rows became \[20, 2\]"):
        check_model(torch.nn.Sequential(torch.nn.Unflatten(1, (2, 2)), torch.nn.Flatten(0, 1)), torch.ones(10, 4))


def test_a_model_is_left_as_it_was() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    before = {name: values.clone() for name, values in model.state_dict().items()}
    check_model(model, torch.randn(10, 4, generator=torch.Generator().manual_seed(1)))
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())
    assert model.training
    assert model[0].weight.grad is None


# ---- loaders


def loader_fails(loader: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_loader(loader)


def test_a_loader_without_what_the_loop_needs_is_found() -> None:
    loader = TenSamples({"input": (8,), "target": 2}, batch_size=0)
    loader_fails(loader, "batch_size must be a number of rows, got 0")
    loader = TenSamples({"input": (8,), "target": 2})
    del loader.splits["train"]
    loader_fails(loader, 'splits must be a mapping with "train" in it')
    loader_fails(TenSamples({"input": (8,)}), "a row of train lacks target; it has input")


def test_splits_whose_rows_differ_or_are_the_same_are_found() -> None:
    loader = TenSamples({"input": (8,), "target": 2})
    loader.splits["val"] = ten_samples({"input": (9,), "target": 2})
    loader_fails(loader, r"a row of val is .*\[9\] float32")
    loader.splits["val"] = loader.splits["train"]
    loader_fails(loader, "the splits train and val begin with the same rows")


# ---- loading a component by its name


def test_a_component_is_loaded_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recipes" / "my-net").mkdir(parents=True)
    (tmp_path / "recipes" / "my-net" / "parts.py").write_text("class Net:\n    width = 7\n")
    monkeypatch.chdir(tmp_path / "recipes")
    found: Any = component("recipes/my-net/parts.py:Net")
    assert found.width == 7
