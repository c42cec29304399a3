"""The mean loss of training rows since it was last logged, over all processes, and where it first was no number.

No GPU is waited for at each step, and no other process asked: the sum stays NaN once a loss was, so it is looked at
where it is read anyway, and in between with what was on its way since the look before.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gitexp.training.processes.ranks import gathered, summed

LOOK_STEPS = 8  # between two looks at what a GPU, or another process, makes of the loss


class NotFinite(NamedTuple):
    """The first loss that was NaN or infinite."""

    step: int  # the optimizer step that it was computed for, from 1
    value: float


class LossMeter:
    """A running sum in float64. On a CPU it is a number of Python's, which costs a thirtieth of a tensor's addition."""

    def __init__(self, device: torch.device, *, alone: bool = True) -> None:
        """`alone`: no other process trains with this one."""
        self.device = device
        self.on_cpu = device.type == "cpu"
        self.alone = alone
        self.total: Any = self._nothing()
        self.rows = 0  # of this process
        self._first: NotFinite | None = None  # of this process, where its losses are read one by one
        self._unread: list[tuple[int, Tensor]] = []  # those of a GPU since all were last known to be finite
        self._look: _Look | None = None

    def add(self, loss: Tensor, rows: int, *, step: int) -> None:
        """Count the mean loss of some rows, computed for an optimizer step."""
        if self.on_cpu:
            value = loss.item()
            self.total += value * rows
            if not math.isfinite(value) and self._first is None:
                self._first = NotFinite(step, value)
        else:
            self.total.add_(loss.detach(), alpha=rows)
            self._unread.append((step, loss.detach()))
        self.rows += rows

    def in_doubt(self, step: int) -> bool:
        """Whether a loss was not finite, as far as is known after a step without waiting. Every process has to ask."""
        if self.on_cpu and self.alone:
            return self._first is not None
        if step % LOOK_STEPS:
            return False
        before, self._look = self._look, _Look(summed(self._as_tensor()))
        if before is None or before.finite():
            self._unread = [one for one in self._unread if before is None or one[0] > step - LOOK_STEPS]
            return False
        return True

    def first_not_finite(self) -> NotFinite | None:
        """The first loss of any process that was not finite; waits for all of them. None: all were, so far."""
        if self.on_cpu and self.alone:
            return self._first
        if math.isfinite(summed(self._as_tensor()).item()):
            self._unread.clear()
            return None
        read = (NotFinite(step, loss.item()) for step, loss in self._unread)
        own = self._first or next((found for found in read if not math.isfinite(found.value)), None)
        return min((found for found in gathered(own) if found is not None), key=lambda found: found[0], default=None)

    def take(self) -> dict[str, float]:
        """`train.loss` over the rows of all processes, and begin anew; nothing where there were no rows."""
        both = torch.tensor([float(self.total), float(self.rows)], dtype=torch.float64)
        total, rows = summed(both.to(self.device)).tolist()
        self.total, self.rows = self._nothing(), 0
        self._first, self._look = None, None
        self._unread.clear()
        return {"train.loss": total / rows} if rows else {}

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"total": float(self.total), "rows": self.rows}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.total = state["total"] if self.on_cpu else self._nothing() + state["total"]
        self.rows = state["rows"]

    def _as_tensor(self) -> Tensor:
        return torch.tensor(self.total, dtype=torch.float64) if self.on_cpu else self.total.clone()

    def _nothing(self) -> Any:
        return 0.0 if self.on_cpu else torch.zeros((), device=self.device, dtype=torch.float64)


class _Look:
    """A sum on its way to where Python can read it, behind what the device was already given to do."""

    def __init__(self, total: Tensor) -> None:
        self.copied: torch.cuda.Event | None = None
        self.total = total
        if total.is_cuda:
            self.total = torch.empty((), dtype=total.dtype, pin_memory=True)
            self.total.copy_(total, non_blocking=True)
            self.copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self.copied.record()

    def finite(self) -> bool:
        """Whether it is a finite number; asked steps later, it has long arrived."""
        if self.copied is not None:
            self.copied.synchronize()
        return math.isfinite(self.total.item())
