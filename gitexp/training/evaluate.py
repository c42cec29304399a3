"""Outputs and targets as metrics of a whole split: the evaluations that ship with gitexp.

The loop calls start(), update(output, fields) for each batch, and result(); it measures the loss itself. Sums are
taken in float64, so that a metric does not depend on the size of the batches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

MISSING = "missing"  # what a slice is called whose code is -1


class Classification:
    """`acc`, the share of rows whose highest score is the target's; and the same of slices, as `acc[species=Adelie]`.

    Takes scores of shape [batch, classes] and `target`, codes of shape [batch]. A slice is a field of codes, or
    NAME=FIELD to call it otherwise; each of its codes that occurs is one metric. Raises ValueError for a slice without
    its field.
    """

    def __init__(self, every: int = 1, splits: Sequence[str] = ("val",), slices: Sequence[str] = ()) -> None:
        self.every = every
        self.splits = list(splits)
        self.slices = {entry.partition("=")[0]: entry.rpartition("=")[2] for entry in slices}
        self.names: Mapping[str, Sequence[str]] = {}
        self.start()

    def start(self) -> None:
        self._right: list[Tensor] = []
        self._codes: dict[str, list[Tensor]] = {name: [] for name in self.slices}

    def update(self, output: Tensor, fields: Mapping[str, Tensor]) -> None:
        self._right.append((output.argmax(dim=1) == fields["target"]).cpu())
        for name, field in self.slices.items():
            if field not in fields:
                raise ValueError(f"no field {field!r} to slice by; there are: {', '.join(sorted(fields))}")
            self._codes[name].append(fields[field].cpu())

    def result(self) -> dict[str, float]:
        right = torch.cat(self._right)
        found = {"acc": _share(right)}
        for name, field in self.slices.items():
            codes = torch.cat(self._codes[name])
            for code in sorted(set(codes.tolist())):
                found[f"acc[{name}={self._word(field, code)}]"] = _share(right[codes == code])
        return found

    def _word(self, field: str, code: int) -> str:
        words = self.names.get(field, ())
        if code == -1:
            return MISSING
        return words[code] if 0 <= code < len(words) else str(code)


class Regression:
    """`mae` and `rmse`, in the target's unit. Takes numbers of the target's shape, give or take a dimension of 1."""

    def __init__(self, every: int = 1, splits: Sequence[str] = ("val",)) -> None:
        self.every = every
        self.splits = list(splits)
        self.names: Mapping[str, Sequence[str]] = {}
        self.start()

    def start(self) -> None:
        self._count = 0
        self._absolute = 0.0
        self._squared = 0.0

    def update(self, output: Tensor, fields: Mapping[str, Tensor]) -> None:
        target = fields["target"].to(torch.float64)
        off = output.to(torch.float64).reshape(target.shape) - target
        self._count += off.numel()
        self._absolute += off.abs().sum().item()
        self._squared += off.square().sum().item()

    def result(self) -> dict[str, float]:
        return {"mae": self._absolute / self._count, "rmse": math.sqrt(self._squared / self._count)}


class LanguageModel:
    """`bpc`, bits for each character, and `perplexity`, 2 to their power: how well the next character was foreseen.

    Takes scores of shape [batch, length, vocabulary] and `target`, codes of shape [batch, length].
    """

    def __init__(self, every: int = 1, splits: Sequence[str] = ("val",)) -> None:
        self.every = every
        self.splits = list(splits)
        self.names: Mapping[str, Sequence[str]] = {}
        self.start()

    def start(self) -> None:
        self._count = 0
        self._nats = 0.0

    def update(self, output: Tensor, fields: Mapping[str, Tensor]) -> None:
        target = fields["target"].reshape(-1)
        scores = output.reshape(len(target), -1).to(torch.float32)
        self._nats += nn.functional.cross_entropy(scores, target, reduction="none").sum(dtype=torch.float64).item()
        self._count += len(target)

    def result(self) -> dict[str, float]:
        nats = self._nats / self._count
        return {"bpc": nats / math.log(2), "perplexity": math.exp(nats) if nats < 700 else math.inf}


def _share(right: Tensor) -> float:
    return int(right.sum()) / len(right)
