"""Send one real batch through model and loss before anything is trained, and say which layer cannot take what.

The model is on torch's meta device, where a layer of any size costs nothing. What meta cannot tell (dtypes that do not
mix, tokens beyond the vocabulary, shapes that depend on values) is asked of the real model where that is small, or
where meta gives up. The loss sees the real target, since meta looks at no values.
"""

from __future__ import annotations

import copy
import math
import re
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils import _pytree as trees

from gitexp.spec.fields import FieldSpec
from gitexp.training.joining.blame import Unusable, blame
from gitexp.training.joining.contracts import not_finite, tensor_shape
from gitexp.training.repeating.seeds import fork_all

_NONDETERMINISTIC = re.compile(r"(\S+)(?: with .*?)? does not have a deterministic implementation", re.DOTALL)
_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
_STRETCHED = "Using a target size"
_SMALL = 50_000_000  # parameters: building so many takes some tenths of a second
_FEW = 8  # rows for a real model


class Output(NamedTuple):
    """What a model gave: its fields (`output`; parts of a tuple or a dict are output.0, output.name), and the thing."""

    fields: dict[str, FieldSpec]
    value: Any


def shapes_through(
    model: nn.Module,
    fields: Mapping[str, Tensor],
    *,
    giver: str,
    root: Path,
    real: Callable[[], nn.Module] | None = None,
) -> Output:
    """What the model makes of `input`. Raises Unusable naming the layer that cannot take it, and who gave it.

    `model` was built under torch.device("meta"), or is real; `real` builds it for real, asked only where meta cannot.
    """
    given = fields["input"]
    try:
        if not _is_meta(model):
            return _output(_run(model, given))
        if any(isinstance(one, nn.parameter.UninitializedParameter) for one in model.parameters()):
            raise Unusable("model has lazy layers, whose sizes only a first batch would settle; state them")
        small = sum(parameter.numel() for parameter in model.parameters()) <= _SMALL
        try:
            output = _output(_run(model, given.to("meta")))
        except _Failed as failed:
            # The real model has the last word, and better ones: meta says "Invalid channel dimensions".
            if real is None or not (small or _is_of_meta(failed.error)):
                raise
            return _output(_run(_built(real), given))
        if real is not None and small:
            _run(_built(real), given[:_FEW])
        return output
    except _Failed as failed:
        shown = tensor_shape(given).words()
        raise Unusable(f"model cannot take input {shown} from {giver}: {failed.words(root)}") from failed.error


def _built(real: Callable[[], nn.Module]) -> nn.Module:
    with fork_all():
        return real()


def loss_through(loss: Callable[..., Any], output: Output, fields: Mapping[str, Tensor], *, root: Path) -> None:
    """Zeros of the output's shape and the real target through the loss. Raises Unusable when it cannot take them, gives
    no single number, or nothing that a gradient flows through."""
    if "target" not in fields:
        raise Unusable(f"loss needs target, the loader gives only {', '.join(fields)}")
    target = fields["target"]
    if isinstance(loss, nn.Module):
        loss = copy.deepcopy(loss).to(target.device)
    guess = trees.tree_map(lambda part: _zeros(part, target.device) if isinstance(part, Tensor) else part, output.value)
    shown = ", ".join(f"{name} {spec.words()}" for name, spec in output.fields.items())
    try:
        with fork_all(), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Two shapes that torch would stretch to each other: a number comes out, and it is the wrong one.
            warnings.filterwarnings("error", message=_STRETCHED)
            result = loss(guess, target)
    except Exception as error:
        said = _said(error, root)
        raise Unusable(
            f"loss cannot take {shown} from model with target {tensor_shape(target).words()}: {said}"
        ) from error
    if not isinstance(result, Tensor) or result.dim():
        got = f"[{', '.join(map(str, result.shape))}]" if isinstance(result, Tensor) else f"a {type(result).__name__}"
        raise Unusable(f"loss must give one number (the mean over the batch), not {got}")
    if not result.requires_grad:
        raise Unusable(
            f"loss gives a number that does not depend on {', '.join(output.fields)}: nothing would be learnt"
        )


def not_finite_through(
    model: nn.Module, loss: Callable[..., Any], fields: Mapping[str, Tensor], *, root: Path
) -> tuple[list[str], bool]:
    """What the real, untrained model makes of the first rows that is NaN or infinite, in words; whether the loss is.

    Raises Unusable where the loss cannot take what the model really gives.
    """
    small = sum(parameter.numel() for parameter in model.parameters()) <= _SMALL
    few = {name: fields[name][: _FEW if small else 1] for name in ("input", "target")}
    try:
        output = _run(model, few["input"])
        with fork_all(), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = float(copy.deepcopy(loss)(output, few["target"]))
    except _Failed as failed:
        raise Unusable(f"model cannot take input of the first rows: {failed.words(root)}") from failed.error
    except Exception as error:
        raise Unusable(f"loss cannot take what model gives for the first rows: {_said(error, root)}") from error
    parts = [part for part in trees.tree_leaves(output) if isinstance(part, Tensor)]
    said = [
        words for part in parts for words in not_finite("model", {"output": part}, ("output",), of="the first ones")
    ]
    if math.isfinite(value):
        return [
            words for words in said if "NaN" in words
        ], False  # -inf stands for "impossible" in what some models give
    return [*said, f"loss gives {value} for the first rows, before anything was learnt"], True


def nondeterministic_operation(
    model: nn.Module, loss: Callable[..., Any], fields: Mapping[str, Tensor], *, root: Path | None = None
) -> str | None:
    """The operation that torch cannot do deterministically, forwards or backwards; None where it can do all of them.

    Works on copies, where model and batch are; random states and torch's settings stay as they were. Raises Unusable
    when the step fails for another reason, which is then the training's own.
    """
    mode = torch.get_deterministic_debug_mode()
    try:
        with fork_all(), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.use_deterministic_algorithms(True)
            trial, judge = copy.deepcopy(model).train(), copy.deepcopy(loss)
            if isinstance(judge, nn.Module):
                judge.to(fields["target"].device)
            judge(trial(fields["input"]), fields["target"]).backward()
    except Exception as error:
        found = _NONDETERMINISTIC.search(str(error))
        if found:
            return found[1]
        if _CUBLAS in str(error):
            return f"cuBLAS without {_CUBLAS}"
        raise Unusable(f"one step forwards and backwards fails: {_said(error, root or Path())}") from error
    finally:
        torch.set_deterministic_debug_mode(mode)
    return None


# ---- a model that fails


class _Failed(Exception):
    def __init__(self, error: Exception, layer: str, module: nn.Module, whole: nn.Module) -> None:
        super().__init__(str(error))
        self.error = error
        self.layer = layer
        self.module = module
        self.whole = whole

    def words(self, root: Path) -> str:
        said = _said(self.error, root)
        if self.module is self.whole:
            is_torchs = type(self.whole).__module__.startswith("torch.")
            return f"{_described(self.whole)}: {said}" if is_torchs else said
        return f"its layer `{self.layer}` {_described(self.module)}: {said}"


def _run(model: nn.Module, given: Tensor) -> Any:
    """model(given) without gradients and in eval mode, as it was before. Raises _Failed with the innermost layer that
    had begun and not ended."""
    entered: list[nn.Module] = []
    hooks = []
    training = {module: module.training for module in model.modules()}
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    for module in model.modules():
        hooks.append(module.register_forward_pre_hook(lambda layer, _: entered.append(layer)))
        hooks.append(module.register_forward_hook(lambda *_: _left(entered)))
    try:
        # What a model makes while it runs (torch.arange) must be on meta too; the generators' states must not.
        where = torch.device("meta") if given.is_meta else nullcontext()
        with fork_all(), where, torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.eval()(given)
    except Exception as error:
        layer = entered[-1] if entered else model
        name = next((name for name, module in model.named_modules() if module is layer), "")
        raise _Failed(error, name, layer, model) from error
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in training.items():
            module.training = mode
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                if name in buffers and buffer.shape == buffers[name].shape:
                    buffer.copy_(buffers[name])


def _left(entered: list[nn.Module]) -> None:
    entered.pop()


def _described(module: nn.Module) -> str:
    """`Linear(in_features=64, out_features=10, bias=True)`; a layer of layers by its name alone."""
    extra = module.extra_repr() if not list(module.children()) else ""
    return f"{type(module).__name__}({extra})" if extra and len(extra) <= 160 else type(module).__name__


def _said(error: Exception, root: Path) -> str:
    """torch's own words for its own errors; for others the place in the repository's code comes first."""
    if isinstance(error, UserWarning) and str(error).startswith(_STRETCHED):
        return "their shapes differ, and torch would stretch one to the other"
    if isinstance(error, RuntimeError | IndexError) and "\n" not in str(error).strip():
        return blame(error, root).replace(f"{type(error).__name__}: ", "", 1)
    return blame(error, root)


def _output(value: Any) -> Output:
    """Raises Unusable where no tensor came out, or one whose rows are not the batch's."""
    fields: dict[str, FieldSpec] = {}
    for path, part in trees.tree_flatten_with_path(value)[0]:
        if isinstance(part, Tensor):
            keys = [str(getattr(key, "key", getattr(key, "idx", getattr(key, "name", "?")))) for key in path]
            fields[".".join(["output", *keys])] = tensor_shape(part)
    if not fields:
        raise Unusable(f"model gives a {type(value).__name__}; it must give a tensor")
    return Output(fields, value)


# ---- meta


def _is_meta(model: nn.Module) -> bool:
    """Whether the model was built on meta. One without parameters and buffers runs there as well as anywhere."""
    return all(tensor.device.type == "meta" for tensor in (*model.parameters(), *model.buffers()))


def _is_of_meta(error: Exception) -> bool:
    """Whether an error may be meta's own: it has no values to look at, and tensors elsewhere do not mix with it."""
    words = str(error).lower()
    return isinstance(error, NotImplementedError) or any(
        word in words for word in ("meta", "data-dependent", "data dependent", "same device", "expected all tensors")
    )


def _zeros(part: Tensor, device: torch.device) -> Tensor:
    zeros = torch.zeros(part.shape, dtype=part.dtype, device=device)
    return zeros.requires_grad_() if part.is_floating_point() else zeros
