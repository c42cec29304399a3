"""Held-out metrics of a model: the loss and what the evaluator of the recipe makes of the outputs, split by split."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch

from gitexp.training.processes.sharding import plain
from gitexp.training.repeating.seeds import fork_all
from gitexp.training.session import Session


def judge(session: Session, *, autocast: AbstractContextManager[Any]) -> dict[str, float]:
    """`val.loss`, `val.acc`, `val.acc[species=Adelie]`, … of every split that is judged. Draws nothing at random."""
    model, evaluator = plain(session.model), session.evaluator
    metrics: dict[str, float] = {}
    model.eval()
    with torch.no_grad(), fork_all():
        for split in judged_splits(evaluator, session.prepared.splits):
            batches = session.batches(split, alone=True)
            loss_sum = torch.zeros((), device=session.device, dtype=torch.float64)
            if evaluator is not None:
                evaluator.names = getattr(batches.split, "names", {})
                evaluator.start()
            for batch in batches.in_order():
                with autocast:
                    output = model(batch.fields["input"])
                    loss = session.loss(output, batch.fields["target"])
                loss_sum.add_(loss, alpha=batch.rows)
                if evaluator is not None:
                    evaluator.update(output, batch.fields)
            metrics[f"{split}.loss"] = (loss_sum / batches.rows).item()
            results = evaluator.result() if evaluator is not None else {}
            metrics |= {f"{split}.{name}": value for name, value in results.items()}
    model.train()
    return metrics


def judged_splits(evaluator: Any | None, splits: Iterable[str]) -> list[str]:
    """The held-out splits that the evaluator wants, else `val` where there is one."""
    wanted = getattr(evaluator, "splits", None)
    return list(wanted) if wanted is not None else [name for name in splits if name == "val"]
