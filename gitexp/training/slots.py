"""What a component of each slot must be: the protocols that a recipe's own components are written to.

A component is any callable (a class, a function) that gives such an object for the arguments in the recipe's table. It
needs to import nothing of gitexp. Fields are tensors by name, rows first: `input` goes into the model, `target` into
the loss, any others are for preprocessing steps and for slices of metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from gitexp.training.data import Fields, Split
from gitexp.training.session import Session


class Loader(Protocol):
    """[loader]: the data, in parts that have no row in common. May have `workers: int` (0: this process fetches)."""

    batch_size: int  # rows of one batch, over all processes
    splits: Mapping[str, Split]  # "train", and what is held out: "val", "test"


class Step(Protocol):
    """A step of [preprocess] that does the same to every row. May have `train_only = True`: held-out rows stay."""

    def __call__(self, fields: Fields) -> Fields:
        """The fields of any number of rows, changed. Never writes into the tensors that it gets."""


class FittedStep(Step, Protocol):
    """A step that learns something first: from the training rows alone."""

    def fit(self, fields: Fields) -> None:
        """Learn from all training rows, as earlier steps left them."""

    def state_dict(self) -> dict[str, Any]:
        """What was learnt: tensors and plain values. Its digest goes into the record."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Be as fitted, without fitting."""


class RandomStep(Protocol):
    """A step that changes each training batch anew (augmentation); held-out rows stay as they are."""

    random: bool  # True

    def __call__(self, fields: Fields, generator: torch.Generator) -> Fields:
        """A batch, changed. All chance comes from the generator, or a run could not be repeated."""


class Model(Protocol):
    """[model]: a torch.nn.Module."""

    def __call__(self, input: Tensor, /) -> Tensor:
        """The output for a batch: rows first."""


class Loss(Protocol):
    """[loss]: such as torch.nn.CrossEntropyLoss."""

    def __call__(self, output: Tensor, target: Tensor, /) -> Tensor:
        """The mean over the rows of a batch: one number."""


class Evaluator(Protocol):
    """[eval]: metrics of held-out rows, beside the loss. May keep `names`: the words of codes, field by field."""

    every: int  # epochs between evaluations; steps, where [train] counts steps
    splits: list[str]  # which parts to judge
    names: Mapping[str, list[str]]  # set before each split

    def start(self) -> None:
        """Forget what was before."""

    def update(self, output: Tensor, fields: Fields) -> None:
        """Take the outputs for one batch, and its fields."""

    def result(self) -> dict[str, float]:
        """Metrics of all rows since `start`: "acc", and for a slice "acc[species=Adelie]"."""


class Trainer(Protocol):
    """[train]: such as gitexp.training.loop.Train. May have `device: str`, `monitor: str` and `shard: bool`."""

    def run(self, session: Session) -> None:
        """Train what the session holds, to the end."""
