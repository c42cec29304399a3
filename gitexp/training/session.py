"""What a recipe became: everything that the loop needs, built and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from gitexp.training.data import Batches
from gitexp.training.preprocess import Prepared
from gitexp.training.processes.ranks import Ranks


class Session(NamedTuple):
    """One training. `folder` is the run's, `saved` where artifacts go."""

    model: nn.Module  # on its device, wrapped where there are several processes
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    optimizer: torch.optim.Optimizer
    scheduler: Any | None
    evaluator: Any | None
    prepared: Prepared
    fitted: Mapping[str, Any]  # states of preprocessing steps
    batch_size: int
    workers: int
    seed: int
    goal: Mapping[str, str]  # "max" or "min" by metric
    ranks: Ranks
    device: torch.device
    folder: Path
    saved: Path
    resumed: Mapping[str, Any] | None  # the checkpoint that this training goes on from

    def batches(self, split: str, *, alone: bool = False) -> Batches:
        """The batches of a split. `alone`: all rows for this process, whatever the others do."""
        ranks = Ranks() if alone else self.ranks
        return Batches(
            self.prepared.splits[split],
            batch_size=self.batch_size,
            seed=self.seed,
            rank=ranks.rank,
            world=ranks.world,
            workers=self.workers,
            lazily=self.prepared.lazily.get(split, ()),
            augment=self.prepared.augment if split == "train" else (),
            device=self.device,
        )
