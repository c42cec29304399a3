"""A recipe's components, joined end to end: built, shown to each other with one real batch, ready to train.

What does not fit is said with the two components that disagree. Nothing is trained, and no generator is left where it
would matter: every piece is built under a seed of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gitexp.spec.fields import join
from gitexp.text.schema import KeyPath, Problem
from gitexp.training.data import Batches, Fields, Table
from gitexp.training.job import Job
from gitexp.training.joining.blame import Unusable, blame
from gitexp.training.joining.contracts import batch_problems, fit_problems, not_finite, values_fit
from gitexp.training.joining.flow import loss_through, nondeterministic_operation, not_finite_through, shapes_through
from gitexp.training.joining.leaks import shared_rows
from gitexp.training.joining.parts import CannotBuild, Part, build, contract_of
from gitexp.training.joining.stream import Stream
from gitexp.training.judge import judged_splits
from gitexp.training.loop import STOP
from gitexp.training.preprocess import TRAIN, Prepared, prepare
from gitexp.training.repeating import determinism
from gitexp.training.repeating.seeds import derive, fork_all, seed_all
from gitexp.training.rows import rows_of
from gitexp.training.smoke import BATCH, few_rows, shorten

LOADER: KeyPath = ("loader",)
PREPROCESS: KeyPath = ("preprocess",)
MODEL: KeyPath = ("model",)
LOSS: KeyPath = ("loss",)
OPTIMIZER: KeyPath = ("optimizer",)
SCHEDULER: KeyPath = ("scheduler",)
TRAIN_SLOT: KeyPath = ("train",)
EVAL: KeyPath = ("eval",)

Flow = list[dict[str, Any]]


class Refusal(Exception):
    """The recipe cannot be trained; `problems` says why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


class Assembled(NamedTuple):
    """What was built but the model's wrapping and the optimizer, which depend on how many processes train."""

    loader: Any
    steps: Mapping[str, Any]
    prepared: Prepared
    model: nn.Module  # on the CPU
    loss: Any
    evaluator: Any | None
    train: Any
    device: torch.device
    batch_size: int
    flow: Flow
    warnings: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Any]]  # of each split, as the record names them; of a smoke run none


class Assembly:
    """The work of putting a recipe's parts together. `checks` off: another process has made sure that they fit."""

    def __init__(
        self,
        job: Job,
        parts: Mapping[KeyPath, Part],
        *,
        root: Path,
        local_rank: int = 0,
        states: Mapping[str, Any] | None = None,
        checks: bool = True,
    ) -> None:
        self.job, self.parts, self.root = job, parts, root
        self.local_rank, self.states, self.checks = local_rank, states, checks
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.rows: Mapping[str, Mapping[str, Any]] = {}
        self.stream = Stream(parts, first=LOADER, checks=checks)
        self.current: KeyPath = LOADER  # whose code runs

    def assemble(self) -> Assembled:
        """Build and join everything. Raises Refusal."""
        train, device = self._train()
        loader, batch_size = self._loader()
        prepared, steps = self._prepared(loader)
        batch = self._first_batch(prepared, loader, batch_size)
        loss = self._build(LOSS)
        self._shapes(batch, loss)
        self._stop_if_wrong()
        model: nn.Module = self._build(MODEL)
        evaluator = self._build(EVAL) if EVAL in self.parts else None
        if self.checks:
            self._check_repeatable(model, loss, batch, device)
            self._stop_if_wrong()
            self._check_numbers(model, loss, batch, train)
            self._stop_if_wrong()
            self._check_optimizer(model)
            self._check_judging(model, evaluator, train, prepared, batch)
        self._stop_if_wrong()
        told = (self.stream.flow, tuple(self.warnings), self.rows)
        return Assembled(loader, steps, prepared, model, loss, evaluator, train, device, batch_size, *told)

    def _stop_if_wrong(self) -> None:
        if self.problems:
            raise Refusal(self.problems)

    def _build(self, path: KeyPath, *supplied: Any) -> Any:
        if self.job.level != determinism.OFF:
            seed_all(derive(self.job.seed, *path))
        try:
            return build(self.parts[path], self.parts, *supplied, root=self.root)
        except CannotBuild as error:
            raise Refusal([*self.problems, error.problem]) from error

    def _train(self) -> tuple[Any, torch.device]:
        train = self._build(TRAIN_SLOT)
        if self.job.smoke:
            shorten(train)
        try:
            return train, determinism.choose_device(getattr(train, "device", "auto"), local_rank=self.local_rank)
        except ValueError as error:
            raise Refusal([((*TRAIN_SLOT, "device"), str(error))]) from error

    # ---- data

    def _loader(self) -> tuple[Any, int]:
        loader = self._build(LOADER)
        splits = getattr(loader, "splits", None)
        batch_size = getattr(loader, "batch_size", None)
        use = self.parts[LOADER].use
        if not isinstance(splits, Mapping) or TRAIN not in splits:
            raise Refusal([(LOADER, f'{use} must have `splits`, a mapping with a split called "{TRAIN}"')])
        if not isinstance(batch_size, int) or batch_size < 1:
            raise Refusal([(LOADER, f"{use} must have `batch_size`, at least 1; got {batch_size!r}")])
        for name, split in splits.items():
            if not hasattr(split, "__len__") or not hasattr(split, "__getitem__"):
                what = "a Table or a map-style dataset, with a length and rows by number"
                raise Refusal([(LOADER, f"{use}: the split {name} must be {what}; got {type(split).__name__}")])
        empty = [name for name, split in splits.items() if len(split) == 0]
        if empty:
            raise Refusal([(LOADER, f"{use}: the split {empty[0]} has no rows")])
        if self.checks:
            for shared in shared_rows(splits):
                if shared.refuse:
                    self.problems.append((LOADER, shared.words))
                else:
                    self.warnings.append(shared.words)
            if not self.job.smoke:
                self.rows = rows_of(splits)
        if self.job.smoke:
            loader.splits = few_rows(splits, seed=self.job.seed)
            batch_size = min(batch_size, BATCH)
        return loader, batch_size

    def _prepared(self, loader: Any) -> tuple[Prepared, dict[str, Any]]:
        paths = self._steps()
        steps = {path[1]: self._build(path) for path in paths}
        if self.checks:
            for path in paths:
                complaints = fit_problems(self.parts[path].name, steps[path[1]], self.parts[path].card)
                self.problems += [(path, what) for what in complaints]
            self._stop_if_wrong()
        try:
            prepared = prepare(
                loader.splits, steps, states=self.states, before=self._before_step, behind=self._behind_step
            )
        except Refusal:
            raise
        except Exception as error:
            raise self._blamed(error) from error
        return prepared, steps

    def _steps(self) -> list[KeyPath]:
        return [path for path in self.parts if path[:1] == PREPROCESS and len(path) == 2]

    def _blamed(self, error: Exception) -> Refusal:
        """What the component whose code ran is told of its exception."""
        words = f"{self.parts[self.current].use}: {blame(error, self.root)}"
        return Refusal([*self.problems, (self.current, words)])

    def _before_step(self, name: str, fields: Fields) -> None:
        """Hold what a step is about to get against what it takes."""
        if not self.stream.flow:
            self._refuse(self.stream.gave(LOADER, fields))
        self.current = (*PREPROCESS, name)
        self._refuse(self.stream.disagreements(self.current, fields))

    def _behind_step(self, name: str, fields: Fields) -> None:
        self._refuse(self.stream.gave((*PREPROCESS, name), fields))

    def _refuse(self, problems: list[Problem]) -> None:
        """Go on only where there are none, now or before."""
        self.problems += problems
        self._stop_if_wrong()

    def _first_batch(self, prepared: Prepared, loader: Any, batch_size: int) -> Fields:
        """One real training batch, augmented like any other."""
        rows = prepared.splits[TRAIN]
        batches = Batches(
            rows,
            batch_size=min(batch_size, len(rows)),  # type: ignore[arg-type]
            seed=self.job.seed,
            lazily=prepared.lazily[TRAIN],
        )
        random = [path for path in self._steps() if path[1] in prepared.random]
        try:
            fields = next(batches.in_order()).fields
            if not self.stream.flow:
                self._refuse(self.stream.gave(LOADER, fields))
            for path, step in zip(random, prepared.augment, strict=True):
                self.current = path
                self._before_step(path[1], fields)
                fields = step(fields, torch.Generator().manual_seed(0))
                self._behind_step(path[1], fields)
        except Refusal:
            raise
        except Exception as error:
            raise self._blamed(error) from error
        if self.stream.giver_path != LOADER:
            self.stream.giver = "preprocess"
        if self.checks:
            self._check_what_the_model_gets(prepared, fields)
        self._stop_if_wrong()
        return fields

    def _check_what_the_model_gets(self, prepared: Prepared, batch: Fields) -> None:
        """One batch whole, and of the splits that are in memory every row for numbers that nothing is learnt from."""
        giver = self.stream.giver
        complaints = batch_problems(giver, batch, ("input", "target"))
        if not complaints:
            complaints = not_finite(giver, batch)
            takes, _ = contract_of(self.parts[MODEL])
            complaints += values_fit(giver, batch, "model", takes)
        if not complaints:
            for name, rows in prepared.splits.items():
                if isinstance(rows, Table):
                    complaints += not_finite(giver, rows.fields, of=name)
        self.problems += [(self.stream.giver_path, what) for what in complaints]

    # ---- model and loss

    @determinism.any_algorithm()  # which of them torch cannot do deterministically is found next
    def _shapes(self, batch: Fields, loss: Any) -> None:
        """Send the batch's shape through model and loss, on the device that computes nothing."""
        if not self.checks:
            return
        self._refuse(self.stream.disagreements(MODEL, {"input": batch["input"]}))
        part = self.parts[MODEL]
        try:
            with torch.device("meta"):
                meta = build(part, self.parts, root=self.root)
        except CannotBuild:
            meta = self._build(MODEL)  # it may read weights, or compute while it is built
        if not isinstance(meta, nn.Module):
            raise Refusal([(MODEL, f"{part.use} gives {type(meta).__name__}, not a torch.nn.Module")])
        try:
            real = partial(self._build, MODEL)
            given = {"input": batch["input"]}
            output = shapes_through(meta, given, giver=self.stream.giver, root=self.root, real=real)
        except Unusable as error:
            raise Refusal([(MODEL, error.what)]) from error
        _, gives = contract_of(part)
        self.problems += [(MODEL, what) for what in join("model", output.fields, f"its card ({part.use})", gives)]
        self.stream.note("model", output.fields)
        target = self.stream.specs({"target": batch["target"]})
        takes, _ = contract_of(self.parts[LOSS])
        self.problems += [(LOSS, what) for what in join("model", {**output.fields, **target}, "loss", takes)]
        self._stop_if_wrong()
        try:
            loss_through(loss, output, batch, root=self.root)
        except Unusable as error:
            raise Refusal([(LOSS, error.what)]) from error

    def _check_numbers(self, model: nn.Module, loss: Any, batch: Fields, train: Any) -> None:
        """A run is not refused for what the untrained model makes of some rows: it will tell by itself."""
        try:
            said, lost = not_finite_through(model, loss, batch, root=self.root)
        except Unusable as error:
            raise Refusal([*self.problems, (LOSS, error.what)]) from error
        if lost and self.job.only_check and getattr(train, "on_nan", "") == STOP:
            self.problems += [(LOSS, words) for words in said]
        else:
            self.warnings += said

    def _check_repeatable(self, model: nn.Module, loss: Any, batch: Fields, device: torch.device) -> None:
        if self.job.level != determinism.BITWISE:
            return
        there = {name: values.to(device) for name, values in batch.items()}
        try:
            operation = nondeterministic_operation(model.to(device), loss, there, root=self.root)
        except Unusable as error:
            raise Refusal([*self.problems, (MODEL, error.what)]) from error
        finally:
            model.to("cpu")
        if operation is not None:
            words = f"torch has no deterministic {operation} on {device.type}, and [reproducibility] level is bitwise"
            self.problems.append((MODEL, f'{words}; use another operation, or level = "seeded"'))

    def _check_optimizer(self, model: nn.Module) -> None:
        """Build what will be built again on the wrapped model, so that settings it cannot take are found here."""
        optimizer = self._build(OPTIMIZER, model.parameters())
        if isinstance(optimizer, torch.optim.LBFGS):
            use = self.parts[OPTIMIZER].use
            self.problems.append(
                (OPTIMIZER, f"{use} computes the loss several times a step, which the loop does not do")
            )
        if SCHEDULER in self.parts:
            self._build(SCHEDULER, optimizer)

    def _check_judging(
        self, model: nn.Module, evaluator: Any | None, train: Any, prepared: Prepared, batch: Fields
    ) -> None:
        """Judge one batch, to see which metrics there will be; the monitored one must be among them."""
        splits = judged_splits(evaluator, prepared.splits)
        missing = [name for name in splits if name not in prepared.splits]
        if missing:
            there = ", ".join(prepared.splits)
            self.problems.append((EVAL, f"the loader gives no split {missing[0]!r}; it gives {there}"))
            return
        names = {"loss"}
        if evaluator is not None:
            rows = prepared.splits[splits[0]] if splits else prepared.splits[TRAIN]
            evaluator.names = rows.names if isinstance(rows, Table) else {}
            names |= set(self._judged(model, evaluator, batch))
        metrics = [f"{split}.{name}" for split in splits for name in names]
        monitor = getattr(train, "monitor", "")
        scheduler = self.parts.get(SCHEDULER)
        waits_for_it = scheduler is not None and scheduler.use.endswith(":ReduceLROnPlateau")
        typed = "monitor" in self.parts[TRAIN_SLOT].arguments or getattr(train, "patience", 0) > 0 or waits_for_it
        if monitor and typed and monitor.partition("[")[0] not in metrics:
            known = ", ".join(sorted(name for name in metrics if "[" not in name)) or "none, for there is no val split"
            words = f"{monitor} is never logged; metrics that are judged: {known}"
            self.problems.append(((*TRAIN_SLOT, "monitor"), words))

    def _judged(self, model: nn.Module, evaluator: Any, batch: Fields) -> list[str]:
        model.eval()
        try:
            with torch.no_grad(), fork_all():
                evaluator.start()
                output: Tensor = model(batch["input"])
                evaluator.update(output, batch)
                results: dict[str, float] = evaluator.result()
        except Exception as error:  # noqa: BLE001 -- a stranger's code may raise anything
            self.problems.append((EVAL, f"{self.parts[EVAL].use}: {blame(error, self.root)}"))
            return []
        finally:
            model.train()
        return list(results)
