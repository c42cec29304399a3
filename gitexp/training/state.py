"""What a training is at a moment, to and from a checkpoint: model, optimizer, generators, losses, position."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from gitexp.training.meter import LossMeter
from gitexp.training.processes.ranks import gathered
from gitexp.training.processes.sharding import load_states, whole_states, whole_weights
from gitexp.training.repeating.checkpoint import save_whole, write_checkpoint
from gitexp.training.repeating.seeds import generator_states, restore_generators
from gitexp.training.session import Session


@dataclass(slots=True)
class Position:
    """How far a training is. `batch` is the next one of `epoch`; gradients never wait over a checkpoint."""

    epoch: int = 0
    batch: int = 0
    step: int = 0  # optimizer steps
    best: float | None = None  # of the monitored metric
    waited: int = 0  # evaluations since it was best
    over: bool = False

    def judged(self, value: float, *, goal: str | None) -> bool:
        """Count an evaluation of the monitored metric, by its goal "max" or else "min"; whether it is the best."""
        best = self.best
        if best is None or math.isnan(best):
            better = best is None or not math.isnan(value)
        else:
            better = value > best if goal == "max" else value < best
        self.best, self.waited = (value, 0) if better else (best, self.waited + 1)
        return better


class State:
    """The parts of a session that training changes, and where it is. What is written is the whole of all processes."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.position = Position()
        self.losses = LossMeter(session.device, alone=session.ranks.world == 1)

    def write(self, *, keep: int) -> None:
        """A checkpoint; the newest `keep` stay. Every process has to call it."""
        session, position = self.session, self.position
        model, optimizer = whole_states(session.model, session.optimizer)
        of_ranks = gathered({"generators": generator_states(), "losses": self.losses.state()})
        if not session.ranks.first:
            return
        state = {
            "position": asdict(position),
            "model": model,
            "optimizer": optimizer,
            "scheduler": None if session.scheduler is None else session.scheduler.state_dict(),
            "preprocess": dict(session.fitted),
            "ranks": of_ranks,
        }
        write_checkpoint(session.saved / "checkpoints", position.step, state, keep=keep, scratch=session.folder)

    def load(self, state: Any) -> None:
        """Go on from a checkpoint."""
        session = self.session
        load_states(session.model, session.optimizer, state["model"], state["optimizer"])
        if session.scheduler is not None and state["scheduler"] is not None:
            session.scheduler.load_state_dict(state["scheduler"])
        own = state["ranks"][session.ranks.rank]
        self.position = Position(**state["position"])
        self.losses.load(own["losses"])
        restore_generators(own["generators"])

    def save_weights(self, name: str) -> dict[str, Any]:
        """The whole weights as a file of the run, from the first process; what was written."""
        weights = whole_weights(self.session.model)
        if self.session.ranks.first:
            save_whole(weights, self.session.saved / name, scratch=self.session.folder)
        return weights
