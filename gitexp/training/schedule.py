"""When what is due in a training, by counts alone: judging, rows of the log, checkpoints, the end."""

from __future__ import annotations

from typing import NamedTuple


class Schedule(NamedTuple):
    """Of `epochs` and `steps` one is above 0: how long, and what evaluations count. Steps are optimizer steps."""

    epochs: int
    steps: int
    steps_per_epoch: int
    judge_every: int  # epochs or steps; 0: at the end alone
    log_every: int  # steps; 0: with the evaluations alone
    checkpoint_every: int  # steps; 0: they are not counted

    @property
    def steps_in_all(self) -> int:
        return self.steps or self.epochs * self.steps_per_epoch

    def calls_at(self, step: int) -> bool:
        """Whether anything but the end of an epoch is due after a step."""
        return step == self.steps or self.logs_at(step) or self.keeps_at(step) or self.judges_at(step, epochs=0)

    def ends_at(self, step: int, *, epochs: int) -> bool:
        """`epochs`: how many are done."""
        return step == self.steps if self.steps else epochs == self.epochs

    def judges_at(self, step: int, *, epochs: int) -> bool:
        """`epochs`: how many are done with this very step, 0 in the midst of one."""
        count = step if self.steps else epochs
        return count > 0 and self.judge_every > 0 and count % self.judge_every == 0

    def logs_at(self, step: int) -> bool:
        return self.log_every > 0 and step % self.log_every == 0

    def keeps_at(self, step: int) -> bool:
        return self.checkpoint_every > 0 and step % self.checkpoint_every == 0
