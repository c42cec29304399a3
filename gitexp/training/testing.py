"""What tests of a component alone need: ten rows, stand-ins for its neighbours, checks of what a slot asks for.

    from gitexp.training.testing import check_model, component, ten_samples

    def test_the_network_gives_a_number_for_each_digit() -> None:
        network = component("recipes/digits-mlp/components.py:MLP")(hidden=[8], classes=10)
        check_model(network, ten_samples({"input": (1, 8, 8)}).fields["input"], output=(10,))

The checks raise AssertionError with a sentence; they leave what they are given as it was. Nothing here needs pytest,
and nothing draws from the global generators, so a test means the same alone and among others.
"""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gitexp.training.data import Fields, Table
from gitexp.training.repeating.digest import flat
from gitexp.training.repeating.seeds import fork_all, generator_states

SEED = 20


def component(use: str, *, root: Path | None = None) -> Callable[..., Any]:
    """The class or function that `use` names, loaded as the training program loads it.

    `root`: the folder that a path counts from; None: the nearest one at or above the working folder where it is there.
    Nothing is asked of the allow-list: a test may look at anything. Raises ValueError where there is no such component.
    """
    from gitexp.training.joining.names import resolve_use

    path = use.rpartition(":")[0]
    here = Path.cwd()
    found = next((folder for folder in (here, *here.parents) if (folder / path).is_file()), here)
    module = path.partition(".")[0]
    found_here: Callable[..., Any] = resolve_use(use, root=root or found, imports=[module]).callable
    return found_here


# ---- data


def ten_samples(
    fields: Mapping[str, Sequence[int] | int | Tensor],
    *,
    rows: int = 10,
    names: Mapping[str, Sequence[str]] | None = None,
) -> Table:
    """A small table. What a field is decides what it holds, the same numbers each time:

    a shape such as (1, 8, 8)   float32 [rows, 1, 8, 8], drawn from a normal distribution
    a number of classes         int64 [rows], codes 0, 1, 2, … in turn; () is the shape of one float for each row
    a tensor                    itself; its first dimension must be `rows`
    """
    generator = torch.Generator().manual_seed(SEED)
    found: Fields = {}
    for field, what in fields.items():
        if isinstance(what, Tensor):
            found[field] = what
        elif isinstance(what, int):
            found[field] = torch.arange(rows) % what
        else:
            found[field] = torch.randn(rows, *what, generator=generator)
    return Table(found, names)


class TenSamples:
    """A loader of `ten_samples`: "train" with ten rows, "val" with five others, batches of four."""

    def __init__(self, fields: Mapping[str, Sequence[int] | int], *, batch_size: int = 4) -> None:
        self.batch_size = batch_size
        whole = ten_samples(fields, rows=15)
        self.splits = {"train": Table(whole.rows(torch.arange(10))), "val": Table(whole.rows(torch.arange(10, 15)))}


# ---- stand-ins


class LinearStub(nn.Module):
    """The simplest model of the right shapes: [batch, *row] → float32 [batch, outputs], its weights always the same."""

    def __init__(self, row: Sequence[int], outputs: int) -> None:
        super().__init__()
        weights = torch.randn(outputs, math.prod(row), generator=torch.Generator().manual_seed(SEED))
        self.weight = nn.Parameter(weights / math.sqrt(math.prod(row)))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, rows: Tensor) -> Tensor:
        """One linear map of each row, flattened."""
        return nn.functional.linear(rows.flatten(1).to(self.weight.dtype), self.weight, self.bias)


class RecordingOptimizer(torch.optim.Optimizer):
    """An optimiser that changes nothing and remembers what it was asked to do.

    `gradients` has for each step the gradients in the order of the parameters (None: none arrived), `rates` the
    learning rate of the first group at that step. A scheduler works on it as on any other.
    """

    def __init__(self, params: Iterable[Tensor], lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr})
        self.gradients: list[list[Tensor | None]] = []
        self.rates: list[float] = []

    def step(self, closure: Any = None) -> Any:
        """Remember the gradients and the rate."""
        result = None if closure is None else closure()
        held = [parameter.grad for group in self.param_groups for parameter in group["params"]]
        self.gradients.append([None if grad is None else grad.detach().clone() for grad in held])
        self.rates.append(float(self.param_groups[0]["lr"]))
        return result


# ---- checks


def check_step(step: Any, fields: Mapping[str, Tensor]) -> Fields:
    """Check that a preprocessing step keeps its promises on these rows; returns what it makes of them.

    It is fitted on them where it has `fit`. Fitting and applying only read; the same rows give the same result;
    applying does not change what was fitted, nor draws from a global generator; a copy that gets the fitted state
    through a file does the same; all fields that come back are tensors with one number of rows, which only a
    `train_only` step may change.
    """
    given, before = dict(fields), {name: values.clone() for name, values in fields.items()}
    unfitted = copy.deepcopy(step)
    if hasattr(step, "fit"):
        step.fit(given)
        _same(given, before, "fit must only read the fields: it changed")
        for method in ("state_dict", "load_state_dict"):
            assert hasattr(step, method), f"a step with fit needs {method}: what was fitted is recorded and resumed"
    state = copy.deepcopy(step.state_dict()) if hasattr(step, "state_dict") else None
    result = _applied(step, given)
    assert result is not given, "a step must return a new dict, not the one that it got"
    _same(given, before, "a step must not write into the tensors that it gets: it changed")
    _rows_agree(result, len(next(iter(before.values()))), may_change=getattr(step, "train_only", False))
    _same(_applied(step, given), result, "the same rows must give the same result twice: different was")
    if state is not None:
        _same_state(step.state_dict(), state, "applying a step must not change what was fitted: it changed")
        unfitted.load_state_dict(_through_a_file(state))
        _same(_applied(unfitted, given), result, "a step with the state of another must do the same: different was")
    return result


def check_model(model: nn.Module, input: Tensor, *, output: Sequence[int] | None = None) -> Tensor:
    """Check a model on a batch; returns what it gives in eval mode. `output`: the shape of one row of that.

    In eval mode it is deterministic and finite and only reads its input; in training mode gradients reach every
    parameter that wants one. The model itself is left alone: a copy is tried.
    """
    tried, before = copy.deepcopy(model), input.clone()
    with fork_all():
        tried.eval()
        with torch.no_grad():
            first, second = tried(input), tried(input)
        assert isinstance(first, Tensor), f"a model gives a tensor, this one {type(first).__name__}"
        assert first.equal(second), "in eval mode the same input must give the same output: is dropout always on?"
        assert torch.equal(input, before), "a model must not write into its input"
        assert first.ndim > 0 and len(first) == len(input), (
            f"a model gives one output for each row: {len(input)} rows became {_shape(first)}"
        )
        if output is not None:
            wanted = [len(input), *output]
            assert list(first.shape) == wanted, f"expected {wanted}, the model gives {_shape(first)}"
        assert first.isfinite().all(), "the output has numbers that are not finite"
        tried.train()
        tried.zero_grad(set_to_none=True)
        tried(input).float().square().sum().backward()
    gradients = {name: value.grad for name, value in tried.named_parameters() if value.requires_grad}
    missing = [name for name, value in gradients.items() if value is None]
    assert not missing, f"no gradient reaches {', '.join(missing)}: nothing of it would be learnt"
    bad = [name for name, value in gradients.items() if value is not None and not value.isfinite().all()]
    assert not bad, f"the gradient of {', '.join(bad)} is not finite"
    return first


def check_loader(loader: Any) -> None:
    """Check that a loader has what the loop needs: a batch size, a train split, and splits whose rows are alike."""
    size = getattr(loader, "batch_size", None)
    assert type(size) is int and size > 0, f"batch_size must be a number of rows, got {size!r}"
    workers = getattr(loader, "workers", 0)
    assert type(workers) is int and workers >= 0, f"workers must be a number of processes, got {workers!r}"
    splits = getattr(loader, "splits", None)
    assert isinstance(splits, Mapping) and "train" in splits, 'splits must be a mapping with "train" in it'
    wanted: dict[str, str] = {}
    for name, split in splits.items():
        assert len(split) > 0, f"the split {name} has no rows"
        row, again = _row(split), _row(split)
        _same(again, row, f"row 0 of {name} must be the same each time: different was")
        for field in ("input", "target"):
            assert field in row, f"a row of {name} lacks {field}; it has {', '.join(row)}"
        found = {field: f"{_shape(values)} {_dtype(values)}" for field, values in row.items()}
        wanted = wanted or found
        assert found == wanted, f"a row of {name} is {found}, of the first split {wanted}"
    tables = {name: split for name, split in splits.items() if isinstance(split, Table)}
    starts = {name: {values.data_ptr() for values in table.fields.values()} for name, table in tables.items()}
    for name in starts:
        if name != "train" and "train" in starts:
            assert not starts[name] & starts["train"], f"the splits train and {name} begin with the same rows"


def _applied(step: Any, fields: Fields) -> Fields:
    """A step's result on a dict of its own, so that what it does to that is seen."""
    drawn = [torch.Generator().manual_seed(SEED)] if getattr(step, "random", False) else []
    with fork_all():
        before = generator_states()
        result = step(fields, *drawn)
        moved = [name for name, state in generator_states().items() if not _is_state(state, before[name])]
    source = "the generator that it gets" if drawn else "a generator of its own, seeded by an argument"
    assert not moved, f"a step must draw from {source}, not from the global one of {', '.join(moved)}"
    assert isinstance(result, dict), f"a step returns a dict of fields, this one {type(result).__name__}"
    for name, values in result.items():
        assert isinstance(values, Tensor), f"a step returns tensors; {name} is {type(values).__name__}"
    return result


def _rows_agree(result: Fields, rows: int, *, may_change: bool) -> None:
    counts = {name: len(values) for name, values in result.items()}
    assert len(set(counts.values())) == 1, f"the fields must have one number of rows, got {counts}"
    if not may_change:
        assert counts == dict.fromkeys(counts, rows), f"{rows} rows became {counts}; only a train_only step may do that"


def _same(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], complaint: str) -> None:
    for name in [*wanted, *(extra for extra in found if extra not in wanted)]:
        right = name in found and name in wanted and _equal(found[name], wanted[name])
        assert right, f"{complaint} {name}"


def _equal(one: Tensor, other: Tensor) -> bool:
    """Equal in shape, type and values; nan equals nan."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(((one == other) | ((one != one) & (other != other))).all())


def _same_state(found: Mapping[str, Any], wanted: Mapping[str, Any], complaint: str) -> None:
    assert dict(flat(found)).keys() == dict(flat(wanted)).keys(), f"{complaint} its keys"
    for (name, one), (_, other) in zip(flat(found), flat(wanted), strict=True):
        same = _equal(one, other) if isinstance(one, Tensor) and isinstance(other, Tensor) else one == other
        assert same or _both_nan(one, other), f"{complaint} {name}"


def _is_state(found: Any, wanted: Any) -> bool:
    pairs = zip(flat(found), flat(wanted), strict=True)
    return all(_equal(one, other) if isinstance(one, Tensor) else one == other for (_, one), (_, other) in pairs)


def _both_nan(one: Any, other: Any) -> bool:
    return isinstance(one, float) and isinstance(other, float) and one != one and other != other


def _through_a_file(state: Any) -> Any:
    """The state as a checkpoint gives it back: tensors and plain values only."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def _row(split: Any) -> Fields:
    return {field: torch.as_tensor(value) for field, value in split[0].items()}


def _shape(values: Tensor) -> str:
    return str(list(values.shape))


def _dtype(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")
