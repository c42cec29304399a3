"""A smoke run: the same recipe on a few rows, for a few steps. It shows that everything fits, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.data import Subset

from gitexp.training.data import Split, Table
from gitexp.training.repeating.seeds import derive

ROWS = 64  # of each split
BATCH = 16
STEPS = 4


def few_rows(splits: Mapping[str, Split], *, seed: int) -> dict[str, Split]:
    """Some rows of each split, drawn by the seed."""
    return {name: _few(split, derive(seed, "smoke", name)) for name, split in splits.items()}


def _few(split: Split, seed: int) -> Split:
    rows = len(split)  # type: ignore[arg-type]
    if rows <= ROWS:
        return split
    chosen = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))[:ROWS].sort().values
    if isinstance(split, Table):
        return Table(split.rows(chosen), split.names)
    return Subset(split, chosen.tolist())


def shorten(train: Any) -> None:
    """Let a training end after a few steps, or one epoch of few rows."""
    if getattr(train, "steps", 0):
        train.steps = min(train.steps, STEPS)
    if getattr(train, "epochs", 0):
        train.epochs = 1
