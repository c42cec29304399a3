"""The training loop: forward, backward, step; judge now and then; keep checkpoints; say how it goes.

It can be stopped between any two steps and goes on from a checkpoint with the same bits: whatever it needs to know is
in the checkpoint (`state.py`) or follows from the seed. When what is due: `schedule.py`.
"""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

import gitexp
from gitexp.training.judge import judge
from gitexp.training.meter import NotFinite
from gitexp.training.processes.ranks import said_by_first
from gitexp.training.processes.sharding import is_sharded, without_exchange
from gitexp.training.processes.stop import Stop
from gitexp.training.repeating.digest import state_digest
from gitexp.training.report import note_defect, note_diverged, note_progress, note_trained
from gitexp.training.schedule import Schedule
from gitexp.training.session import Session
from gitexp.training.state import State
from gitexp.training.talk import complain, in_words, say

PROGRESS_S = 0.5  # between two words on how far it is, which are looked at after every few steps
PROGRESS_STEPS = 8
CHECKPOINT_S = 30.0  # between checkpoints, where [train] does not count steps between them
PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16}
STOP, WARN = "stop", "warn"


class Diverged(Exception):
    """The loss was not finite, and the recipe wants to stop there. It has been said, and noted for the record."""


@dataclass(kw_only=True, eq=False)
class Train:
    """Epochs or steps of one optimizer on one model.

    epochs, steps: how long; exactly one of them is above 0. Steps are optimizer steps.
    accumulate: batches whose gradients make one step. clip_norm: the largest norm of all gradients; 0: any.
    precision: "float32", or "bf16" for autocast. schedule: the scheduler moves after each "epoch" or each "step".
    monitor: the metric that says which weights are best; patience: stop after this many evaluations without a better
    one, 0: never. log_every: steps between rows of train.loss; 0: with the evaluations.
    checkpoint_every: steps between checkpoints; 0: at evaluations, when 30 s have passed. keep: how many stay.
    device: "auto", "cpu" or "cuda". shard: spread the parameters over the processes (FSDP2).
    on_nan: "stop" at the first loss that is NaN or infinite, the run has failed then; "warn" goes on.
    Raises ValueError for settings that contradict each other.
    """

    epochs: int = 0
    steps: int = 0
    accumulate: int = 1
    clip_norm: float = 0.0
    precision: str = "float32"
    schedule: str = "epoch"
    monitor: str = "val.loss"
    patience: int = 0
    log_every: int = 0
    checkpoint_every: int = 0
    keep: int = 2
    device: str = "auto"
    shard: bool = False
    on_nan: str = STOP

    def __post_init__(self) -> None:
        if (self.epochs > 0) == (self.steps > 0):
            got = f"epochs = {self.epochs} and steps = {self.steps}"
            raise ValueError(f"give either epochs or steps, above 0; got {got}")
        words = {"precision": tuple(PRECISIONS), "schedule": ("epoch", "step"), "on_nan": (STOP, WARN)}
        for name, (one, other) in words.items():
            if getattr(self, name) not in (one, other):
                raise ValueError(f'{name} must be "{one}" or "{other}", got {getattr(self, name)!r}')
        if self.accumulate < 1 or self.keep < 1:
            raise ValueError(f"accumulate and keep must be at least 1, got {self.accumulate} and {self.keep}")
        if min(self.clip_norm, self.patience, self.log_every, self.checkpoint_every) < 0:
            raise ValueError("clip_norm, patience, log_every and checkpoint_every cannot be negative")

    def run(self, session: Session) -> None:
        """Train to the end, or until somebody asks to stop. Raises Diverged."""
        Loop(self, session).run()


class Loop:
    """One training in progress."""

    def __init__(self, settings: Train, session: Session) -> None:
        self.settings, self.session = settings, session
        self.model, self.optimizer = session.model, session.optimizer
        self.scheduler: Any = session.scheduler
        self.batches = session.batches("train")
        evaluator = session.evaluator
        self.schedule = Schedule(
            epochs=settings.epochs,
            steps=settings.steps,
            steps_per_epoch=-(-self.batches.per_epoch // settings.accumulate),
            judge_every=getattr(evaluator, "every", 1) if evaluator is not None else 0 if settings.steps else 1,
            log_every=settings.log_every,
            checkpoint_every=settings.checkpoint_every,
        )
        by_metric = isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
        self.rate_moves = "" if self.scheduler is None else "metric" if by_metric else settings.schedule
        self.autocast: AbstractContextManager[Any] = nullcontext()
        if settings.precision != "float32":
            self.autocast = torch.autocast(session.device.type, dtype=PRECISIONS[settings.precision])
        self.state = State(session)
        self.stop = Stop()
        self.watches_loss = True
        self.lost: set[str] = set()  # metrics that were not finite, each said once
        self.began = self.last_checkpoint = time.monotonic()
        self.rows_done = 0  # since this process began, as were the steps from first_step on
        self.first_step = 0
        self.next_progress = self.began + PROGRESS_S

    def run(self) -> None:
        if self.session.resumed is not None:
            self.state.load(self.session.resumed)
            self.first_step = self.state.position.step
            self._say(f"going on from step {self.first_step:,}")
        if self.session.ranks.world == 1:  # several processes stop at once, each where it is
            self.stop.listen()
        position = self.state.position
        self.model.train()
        while not position.over:
            self._epoch()
            if self.stop.signal is not None and not position.over:
                self._say(f"stopped after step {position.step:,}")
                self.stop.now()
        self._finish()

    def _epoch(self) -> None:
        """The rest of the current epoch, or as much of it as is wanted."""
        settings, batches, position, losses = self.settings, self.batches, self.state.position, self.state.losses
        model, loss_of, optimizer = self.model, self.session.loss, self.optimizer
        autocast, number = self.autocast, position.batch
        each_batch_is_a_step = settings.accumulate == 1 and batches.world == 1
        for batch in batches.shuffled(position.epoch, start=number):
            ends_step = (number + 1) % settings.accumulate == 0 or number + 1 == batches.per_epoch
            with nullcontext() if ends_step else without_exchange(model):
                with autocast:
                    loss = loss_of(model(batch.fields["input"]), batch.fields["target"])
                share = 1.0 if each_batch_is_a_step else self._share(number, batch.rows)
                torch.autograd.backward(loss if share == 1.0 else loss * share)
            losses.add(loss, batch.rows, step=position.step + 1)
            self.rows_done += batch.rows
            number += 1
            if not ends_step:
                continue
            if settings.clip_norm:
                torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
            optimizer.step()
            optimizer.zero_grad()
            position.step += 1
            position.batch = number
            self._move_rate("step")
            if self._something_is_due(number == batches.per_epoch):
                self._between_steps(ends_epoch=number == batches.per_epoch)
                if position.over or self.stop.signal is not None:
                    return  # which lets loader workers go, too

    def _share(self, number: int, rows: int) -> float:
        """What the mean loss of a batch counts in its step, so that each row counts the same.

        Batches and processes may hold fewer rows than others; DDP divides by the number of processes.
        """
        batches, accumulate = self.batches, self.settings.accumulate
        first = number - number % accumulate
        rows_in_step = min((first + accumulate) * batches.batch_size, batches.rows) - first * batches.batch_size
        return rows * batches.world / rows_in_step

    def _move_rate(self, after: str, *metric: float) -> None:
        """The scheduler's own step, where it moves after this: a "step", an "epoch" or a "metric"."""
        if self.rate_moves == after:
            self.scheduler.step(*metric)

    # ---- between two steps

    def _something_is_due(self, ends_epoch: bool) -> bool:
        step = self.state.position.step
        if not step % PROGRESS_STEPS:
            self._show_progress()
        return (
            ends_epoch
            or (self.watches_loss and self.state.losses.in_doubt(step))
            or self.stop.signal is not None
            or self.schedule.calls_at(step)
        )

    def _between_steps(self, *, ends_epoch: bool) -> None:
        schedule, position, losses = self.schedule, self.state.position, self.state.losses
        found = losses.first_not_finite() if self.watches_loss else None
        if found is not None:
            self._has_diverged(found)
        rate = self.optimizer.param_groups[0]["lr"]
        if ends_epoch:
            position.epoch += 1
            position.batch = 0
            self._move_rate("epoch")
        position.over = schedule.ends_at(position.step, epochs=position.epoch)
        judged = position.over or schedule.judges_at(position.step, epochs=position.epoch if ends_epoch else 0)
        if judged or schedule.logs_at(position.step):
            self._log({**losses.take(), "lr": rate, **(self._judge() if judged else {})}, judged=judged)
        if self._wants_checkpoint(judged=judged):
            self.last_checkpoint = time.monotonic()
            self.state.write(keep=self.settings.keep)

    def _judge(self) -> dict[str, float]:
        """Held-out metrics; notes whether they are the best so far, and whether to go on."""
        session, settings, position = self.session, self.settings, self.state.position
        metrics: dict[str, float] = {}
        if session.ranks.first or is_sharded(self.model):
            metrics = judge(session, autocast=self.autocast)
        metrics = said_by_first(metrics)
        watched = metrics.get(settings.monitor)
        if watched is None:
            return metrics
        self._move_rate("metric", watched)
        if position.judged(watched, goal=session.goal.get(settings.monitor)):
            self.state.save_weights("best.pt")
        elif 0 < settings.patience <= position.waited:
            position.over = True
            self._say(f"{settings.monitor} was best {position.waited} evaluations ago: stopping at {position.step:,}")
        return metrics

    def _wants_checkpoint(self, *, judged: bool) -> bool:
        if self.state.position.over or self.stop.signal is not None:
            return True
        if self.schedule.checkpoint_every:
            return self.schedule.keeps_at(self.state.position.step)
        return judged and bool(said_by_first(time.monotonic() - self.last_checkpoint > CHECKPOINT_S))

    def _has_diverged(self, found: NotFinite) -> None:
        """Stop, as all processes do, or say it once. What has been kept is of the steps before."""
        step, value = found
        self.watches_loss = False
        if self.settings.on_nan == WARN:
            self._warn_of("train.loss", value, step)
            return
        if self.session.ranks.first:
            gitexp.log({"train.loss": value, "lr": self.optimizer.param_groups[0]["lr"]}, step=step)
            words = f"train.loss is {value} at step {step}: the training stopped"
            note_trained(self.session.folder, {}, {"steps": step})
            note_diverged(self.session.folder, words)
            complain(f'error: {words}; [train] on_nan = "warn" would have gone on')
        raise Diverged

    # ---- what is said, by the first process

    def _log(self, metrics: dict[str, float], *, judged: bool) -> None:
        if not self.session.ranks.first:
            return
        step = self.state.position.step
        for name in sorted(metrics.keys() - self.lost):
            if not math.isfinite(metrics[name]):
                self._warn_of(name, metrics[name], step)
        gitexp.log(metrics, step=step)
        if judged:
            self._say(f"step {step:,}/{self.schedule.steps_in_all:,}  {in_words(metrics)}")

    def _warn_of(self, name: str, value: float, step: int) -> None:
        if self.session.ranks.first and name not in self.lost:
            self.lost.add(name)
            note_defect(self.session.folder, f"{name} is {value} at step {step}")
            complain(f"warning: {name} is {value} at step {step}")

    def _say(self, text: str) -> None:
        if self.session.ranks.first:
            say(text)

    def _show_progress(self) -> None:
        """For whoever watches: `gitexp run` draws a bar of it."""
        now = time.monotonic()
        if now < self.next_progress or not self.session.ranks.first:
            return
        self.next_progress = now + PROGRESS_S
        step, of = self.state.position.step, self.schedule.steps_in_all
        note_progress(self.session.folder, step, of=of, rows_per_s=self.rows_done / max(now - self.began, 1e-9))

    def _finish(self) -> None:
        seconds = time.monotonic() - self.began
        weights = self.state.save_weights("weights.pt")
        if not self.session.ranks.first:
            return
        digest = state_digest(weights)
        steps = self.state.position.step
        speed = {"steps_per_s": (steps - self.first_step) / seconds, "rows_per_s": self.rows_done / seconds}
        facts = {"steps": steps, **{name: round(value, 1) for name, value in speed.items()}}
        note_trained(self.session.folder, {"weights": digest}, facts)
        self._say(f"weights {digest}")
