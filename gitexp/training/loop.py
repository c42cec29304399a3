"""The training loop: forward, backward, step; judge now and then; keep checkpoints; say how it goes.

It can be stopped between any two steps and goes on from a checkpoint with the same bits: whatever it needs to know is
in the checkpoint or follows from the seed.
"""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch

import gitexp
from gitexp.training.judge import judge
from gitexp.training.meter import LossMeter, NotFinite
from gitexp.training.processes.ranks import gathered, said_by_first
from gitexp.training.processes.sharding import is_sharded, load_states, whole_states, whole_weights, without_exchange
from gitexp.training.processes.stop import Stop
from gitexp.training.repeating.checkpoint import save_whole, write_checkpoint
from gitexp.training.repeating.digest import state_digest
from gitexp.training.repeating.seeds import generator_states, restore_generators
from gitexp.training.report import note_defect, note_diverged, note_progress, note_trained
from gitexp.training.session import Session
from gitexp.training.talk import complain, in_words, say

PROGRESS_S = 0.5  # between two words on how far it is, which are looked at after every few steps
PROGRESS_STEPS = 8
CHECKPOINT_S = 30.0  # between checkpoints, where [train] does not count steps between them
PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16}
STOP, WARN = "stop", "warn"


class Diverged(Exception):
    """The loss was not finite, and the recipe wants to stop there. It has been said, and noted for the record."""


@dataclass(slots=True)
class Position:
    """How far a training is. `batch` is the next one of `epoch`; gradients never wait over a checkpoint."""

    epoch: int = 0
    batch: int = 0
    step: int = 0  # optimizer steps
    best: float | None = None  # of the monitored metric
    waited: int = 0  # evaluations since it was best
    over: bool = False


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

    def __init__(
        self,
        *,
        epochs: int = 0,
        steps: int = 0,
        accumulate: int = 1,
        clip_norm: float = 0.0,
        precision: str = "float32",
        schedule: str = "epoch",
        monitor: str = "val.loss",
        patience: int = 0,
        log_every: int = 0,
        checkpoint_every: int = 0,
        keep: int = 2,
        device: str = "auto",
        shard: bool = False,
        on_nan: str = STOP,
    ) -> None:
        if (epochs > 0) == (steps > 0):
            raise ValueError(f"give either epochs or steps, above 0; got epochs = {epochs} and steps = {steps}")
        if precision not in PRECISIONS:
            raise ValueError(f'precision must be "float32" or "bf16", got {precision!r}')
        if schedule not in ("epoch", "step"):
            raise ValueError(f'schedule must be "epoch" or "step", got {schedule!r}')
        if on_nan not in (STOP, WARN):
            raise ValueError(f'on_nan must be "stop" or "warn", got {on_nan!r}')
        if accumulate < 1 or keep < 1:
            raise ValueError(f"accumulate and keep must be at least 1, got {accumulate} and {keep}")
        if min(clip_norm, patience, log_every, checkpoint_every) < 0:
            raise ValueError("clip_norm, patience, log_every and checkpoint_every cannot be negative")
        self.epochs, self.steps = epochs, steps
        self.accumulate, self.clip_norm = accumulate, clip_norm
        self.precision, self.schedule = precision, schedule
        self.monitor, self.patience = monitor, patience
        self.log_every, self.checkpoint_every, self.keep = log_every, checkpoint_every, keep
        self.device, self.shard, self.on_nan = device, shard, on_nan

    def run(self, session: Session) -> None:
        """Train to the end, or until somebody asks to stop. Raises Diverged."""
        Training(self, session).run()


class Training:
    """One training in progress."""

    def __init__(self, settings: Train, session: Session) -> None:
        self.settings, self.session = settings, session
        self.model, self.optimizer, self.scheduler = session.model, session.optimizer, session.scheduler
        self.batches = session.batches("train")
        self.steps_per_epoch = -(-self.batches.per_epoch // settings.accumulate)
        self.steps_in_all = settings.steps or settings.epochs * self.steps_per_epoch
        self.position = Position()
        self.stop = Stop()
        self.watches_loss = True
        self.lost: set[str] = set()  # metrics that were not finite, each said once
        self.losses = LossMeter(session.device, alone=session.ranks.world == 1)
        self.began = self.last_checkpoint = time.monotonic()
        self.rows_done = 0  # since this process began, as were the steps from first_step on
        self.first_step = 0
        self.next_progress = self.began + PROGRESS_S

    def run(self) -> None:
        if self.session.resumed is not None:
            self._go_on_from(self.session.resumed)
        if self.session.ranks.world == 1:  # several processes stop at once, each where it is
            self.stop.listen()
        self.model.train()
        while not self.position.over:
            self._epoch()
            if self.stop.signal is not None and not self.position.over:
                self._say(f"stopped after step {self.position.step:,}")
                self.stop.now()
        self._finish()

    def _epoch(self) -> None:
        """The rest of the current epoch, or as much of it as is wanted."""
        settings, batches, position = self.settings, self.batches, self.position
        model, loss_of, optimizer = self.model, self.session.loss, self.optimizer
        autocast, number = self._autocast(), position.batch
        each_batch_is_a_step = settings.accumulate == 1 and batches.world == 1
        for batch in batches.shuffled(position.epoch, start=number):
            ends_step = (number + 1) % settings.accumulate == 0 or number + 1 == batches.per_epoch
            with nullcontext() if ends_step else without_exchange(model):
                with autocast:
                    loss = loss_of(model(batch.fields["input"]), batch.fields["target"])
                share = 1.0 if each_batch_is_a_step else self._share(number, batch.rows)
                torch.autograd.backward(loss if share == 1.0 else loss * share)
            self.losses.add(loss, batch.rows, step=position.step + 1)
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
            if self.scheduler is not None and settings.schedule == "step" and not self._wants_metric():
                self.scheduler.step()
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

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self.session.device.type, dtype=PRECISIONS[self.settings.precision])

    # ---- between two steps

    def _something_is_due(self, ends_epoch: bool) -> bool:
        settings, step = self.settings, self.position.step
        if not step % PROGRESS_STEPS:
            self._show_progress()
        return (
            ends_epoch
            or (self.watches_loss and self.losses.in_doubt(step))
            or self.stop.signal is not None
            or step == settings.steps
            or (settings.log_every > 0 and step % settings.log_every == 0)
            or (settings.checkpoint_every > 0 and step % settings.checkpoint_every == 0)
            or (settings.steps > 0 and self._judges_at(step))
        )

    def _between_steps(self, *, ends_epoch: bool) -> None:
        settings, position = self.settings, self.position
        found = self.losses.first_not_finite() if self.watches_loss else None
        if found is not None:
            self._has_diverged(found)
        rate = self.optimizer.param_groups[0]["lr"]
        if ends_epoch:
            position.epoch += 1
            position.batch = 0
            if self.scheduler is not None and settings.schedule == "epoch" and not self._wants_metric():
                self.scheduler.step()
        position.over = position.step == settings.steps if settings.steps else position.epoch == settings.epochs
        count = position.step if settings.steps else position.epoch if ends_epoch else 0
        judged = self._judges_at(count) or position.over
        if judged or (settings.log_every and position.step % settings.log_every == 0):
            self._log({**self.losses.take(), "lr": rate, **(self._judge() if judged else {})}, judged=judged)
        if self._wants_checkpoint(judged=judged):
            self._write_checkpoint()

    def _judges_at(self, count: int) -> bool:
        evaluator = self.session.evaluator
        every = getattr(evaluator, "every", 1) if evaluator is not None else (0 if self.settings.steps else 1)
        return count > 0 and every > 0 and count % every == 0

    def _judge(self) -> dict[str, float]:
        """Held-out metrics; notes whether they are the best so far, and whether to go on."""
        session, settings, position = self.session, self.settings, self.position
        metrics: dict[str, float] = {}
        if session.ranks.first or is_sharded(self.model):
            metrics = judge(session, autocast=self._autocast())
        metrics = said_by_first(metrics)
        watched = metrics.get(settings.monitor)
        if watched is None:
            return metrics
        if self._wants_metric() and self.scheduler is not None:
            self.scheduler.step(watched)
        if position.best is None or self._is_better(watched, position.best):
            position.best, position.waited = watched, 0
            self._save_weights("best.pt")
        else:
            position.waited += 1
            if 0 < settings.patience <= position.waited:
                position.over = True
                self._say(
                    f"{settings.monitor} was best {position.waited} evaluations ago: stopping at {position.step:,}"
                )
        return metrics

    def _is_better(self, value: float, other: float) -> bool:
        if math.isnan(other):
            return not math.isnan(value)
        return value > other if self.session.goal.get(self.settings.monitor) == "max" else value < other

    def _wants_metric(self) -> bool:
        return isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)

    def _log(self, metrics: dict[str, float], *, judged: bool) -> None:
        if not self.session.ranks.first:
            return
        for name in sorted(metrics.keys() - self.lost):
            if not math.isfinite(metrics[name]):
                self._warn_of(name, metrics[name], self.position.step)
        gitexp.log(metrics, step=self.position.step)
        if judged:
            self._say(f"step {self.position.step:,}/{self.steps_in_all:,}  {in_words(metrics)}")

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
        rows_per_s = self.rows_done / max(now - self.began, 1e-9)
        note_progress(self.session.folder, self.position.step, of=self.steps_in_all, rows_per_s=rows_per_s)

    # ---- checkpoints

    def _wants_checkpoint(self, *, judged: bool) -> bool:
        settings, position = self.settings, self.position
        if position.over or self.stop.signal is not None:
            return True
        if settings.checkpoint_every:
            return position.step % settings.checkpoint_every == 0
        if not judged:
            return False
        return bool(said_by_first(time.monotonic() - self.last_checkpoint > CHECKPOINT_S))

    def _write_checkpoint(self) -> None:
        session, position = self.session, self.position
        model_state, optimizer_state = whole_states(self.model, self.optimizer)
        of_ranks = gathered({"generators": generator_states(), "losses": self.losses.state()})
        self.last_checkpoint = time.monotonic()
        if not session.ranks.first:
            return
        state = {
            "position": asdict(position),
            "model": model_state,
            "optimizer": optimizer_state,
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "preprocess": dict(session.fitted),
            "ranks": of_ranks,
        }
        folder = session.saved / "checkpoints"
        write_checkpoint(folder, position.step, state, keep=self.settings.keep, scratch=session.folder)

    def _go_on_from(self, state: Any) -> None:
        session = self.session
        load_states(self.model, self.optimizer, state["model"], state["optimizer"])
        if self.scheduler is not None and state["scheduler"] is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        own = state["ranks"][session.ranks.rank]
        self.position = Position(**state["position"])
        self.losses.load(own["losses"])
        restore_generators(own["generators"])
        self.first_step = self.position.step
        self._say(f"going on from step {self.position.step:,}")

    def _save_weights(self, name: str) -> dict[str, Any]:
        """The whole weights as a file of the run, from the first process; what was written."""
        weights = whole_weights(self.model)
        if self.session.ranks.first:
            save_whole(weights, self.session.saved / name, scratch=self.session.folder)
        return weights

    # ---- the end

    def _finish(self) -> None:
        seconds = time.monotonic() - self.began
        weights = self._save_weights("weights.pt")
        if not self.session.ranks.first:
            return
        digest = state_digest(weights)
        steps = self.position.step
        speed = {"steps_per_s": (steps - self.first_step) / seconds, "rows_per_s": self.rows_done / seconds}
        facts = {"steps": steps, **{name: round(value, 1) for name, value in speed.items()}}
        note_trained(self.session.folder, {"weights": digest}, facts)
        self._say(f"weights {digest}")
