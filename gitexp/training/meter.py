"""The mean loss of training rows since it was last logged, over all processes; no GPU is waited for at each step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gitexp.training.processes.ranks import summed


class LossMeter:
    """A running sum in float64. On a CPU it is a number of Python's, which costs a thirtieth of a tensor's addition."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.on_cpu = device.type == "cpu"
        self.total: Any = self._nothing()
        self.rows = 0  # of this process

    def add(self, loss: Tensor, rows: int) -> None:
        """Count the mean loss of some rows."""
        if self.on_cpu:
            self.total += loss.item() * rows
        else:
            self.total.add_(loss.detach(), alpha=rows)
        self.rows += rows

    def take(self) -> dict[str, float]:
        """`train.loss` over the rows of all processes, and begin anew; nothing where there were no rows."""
        both = torch.tensor([float(self.total), float(self.rows)], dtype=torch.float64)
        total, rows = summed(both.to(self.device)).tolist()
        self.total, self.rows = self._nothing(), 0
        return {"train.loss": total / rows} if rows else {}

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"total": float(self.total), "rows": self.rows}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.total = state["total"] if self.on_cpu else self._nothing() + state["total"]
        self.rows = state["rows"]

    def _nothing(self) -> Any:
        return 0.0 if self.on_cpu else torch.zeros((), device=self.device, dtype=torch.float64)
