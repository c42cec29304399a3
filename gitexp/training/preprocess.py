"""Preprocessing: each step fitted on the training rows alone, then applied to every split; random ones left for later.

A step sees the split that it is fitted on and nothing else, so held-out rows cannot get into what it learns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gitexp.training.data import Fields, Split, Step, Table, collated, in_memory
from gitexp.training.repeating.digest import state_digest
from gitexp.training.repeating.seeds import fork_all

TRAIN = "train"
SHOWN = 32  # rows


def _unwatched(name: str, fields: Fields) -> None:
    """Nobody looks."""


class Prepared(NamedTuple):
    """Splits as the model is to see them. `lazily`: what is still to be done to rows that are not in memory."""

    splits: dict[str, Split]
    lazily: Mapping[str, tuple[Step, ...]]  # by split
    augment: tuple[Step, ...]  # random steps, for training batches
    random: tuple[str, ...]  # their names
    digests: dict[str, str]  # of fitted states, by "preprocess.NAME"


def prepare(
    splits: Mapping[str, Split],
    steps: Mapping[str, Any],
    *,
    states: Mapping[str, Any] | None = None,
    before: Callable[[str, Fields], None] = _unwatched,
    behind: Callable[[str, Fields], None] = _unwatched,
) -> Prepared:
    """Fit and apply the steps, in order. `states`: of a run that goes on; nothing is fitted again.

    `before` and `behind` are shown a few training rows as they are on either side of each step.
    """
    done: dict[str, Split] = dict(splits)
    lazily: dict[str, tuple[Step, ...]] = dict.fromkeys(splits, ())
    augment: dict[str, Step] = {}
    digests: dict[str, str] = {}
    for name, step in steps.items():
        if getattr(step, "random", False):
            augment[name] = step
            continue
        few = _few_rows(done[TRAIN], lazily[TRAIN])
        before(name, few)
        if hasattr(step, "fit"):
            if states is not None:
                step.load_state_dict(states[name])
            else:
                _only_reading(step.fit, _applied(in_memory(done[TRAIN]), lazily[TRAIN]).fields)
            digests[f"preprocess.{name}"] = state_digest(step.state_dict())
        for split, rows in done.items():
            if getattr(step, "train_only", False) and split != TRAIN:
                continue
            if getattr(step, "train_only", False) and not isinstance(rows, Table):
                raise ValueError("a step for training rows alone sees them all at once: it needs a Table, in memory")
            if isinstance(rows, Table):
                done[split] = Table(_made(step, rows.fields), rows.names)
            else:
                lazily[split] = (*lazily[split], step)
        behind(name, _few_rows(done[TRAIN], lazily[TRAIN]))
    return Prepared(done, lazily, tuple(augment.values()), tuple(augment), digests)


def _made(step: Step, fields: Fields) -> Fields:
    """What a step makes of fields. Raises TypeError and ValueError where it does what a step must not do."""
    made = _only_reading(step, fields)
    if not isinstance(made, Mapping):
        raise TypeError(f"a step must give its fields back as a dict, it gave {type(made).__name__}")
    return dict(made)


def _only_reading(call: Callable[[Fields], Any], fields: Fields) -> Any:
    """What a call makes of fields. Raises ValueError where it writes into them, as far as the first rows show."""
    before = {name: values[:SHOWN].clone() for name, values in fields.items()}
    made = call(dict(fields))
    for name, values in before.items():
        now = fields[name][:SHOWN]
        if not bool(((now == values) | (now != now) & (values != values)).all()):  # NaN is itself here
            raise ValueError(f"it writes into the field {name} that it gets; a step must make new tensors")
    return made


def fitted_states(steps: Mapping[str, Any]) -> dict[str, Any]:
    """The states of all steps that were fitted, for a checkpoint."""
    return {name: dict(step.state_dict()) for name, step in steps.items() if hasattr(step, "fit")}


def _few_rows(split: Split, steps: tuple[Step, ...]) -> Fields:
    rows = min(SHOWN, len(split))  # type: ignore[arg-type]
    if isinstance(split, Table):
        return {name: values[:rows] for name, values in split.fields.items()}
    with fork_all():
        return _applied(Table(collated(split[row] for row in range(rows))), steps).fields


def _applied(table: Table, steps: tuple[Step, ...]) -> Table:
    for step in steps:
        table = Table(_made(step, table.fields), table.names)
    return table
