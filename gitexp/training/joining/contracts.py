"""Compare real batches with what cards declare: shapes, dtypes, ranges, and numbers that are none.

Every problem is a sentence that names the component and what it gave. Two cards are joined by `spec/fields.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gitexp.spec.card import Card
from gitexp.spec.fields import Fields, FieldSpec, mismatches, within
from gitexp.text.schema import near


def field_shapes(fields: Mapping[str, Tensor]) -> dict[str, FieldSpec]:
    """What a batch holds, its first dimension called `batch`."""
    return {name: tensor_shape(tensor) for name, tensor in fields.items()}


def tensor_shape(tensor: Tensor) -> FieldSpec:
    """`[batch, 64] float32`. A tensor without dimensions has none."""
    return FieldSpec(("batch", *tensor.shape[1:]) if tensor.dim() else (), (str(tensor.dtype).removeprefix("torch."),))


def batch_problems(giver: str, fields: Any, needed: Sequence[str] = ()) -> list[str]:
    """What is wrong with what should be a batch: not a dict of tensors, rows that do not match, fields missing."""
    if not isinstance(fields, Mapping):
        return [f"{giver} gives {said_of(fields)}; it must give a dict of tensors by the names of fields"]
    tensors = {name: value for name, value in fields.items() if isinstance(value, Tensor)}
    other = {name: value for name, value in fields.items() if name not in tensors}
    problems = [f"{giver} gives {name} as {said_of(value)}, not as a tensor" for name, value in other.items()]
    flat = (name for name, value in tensors.items() if not value.dim())
    problems += [f"{giver} gives {name} without a dimension for rows" for name in flat]
    rows = {name: len(value) for name, value in tensors.items() if value.dim()}
    if len(set(rows.values())) > 1:
        counted = ", ".join(f"{name} with {count}" for name, count in rows.items())
        problems.append(f"{giver} gives fields with different numbers of rows: {counted}")
    elif rows and not next(iter(rows.values())):
        problems.append(f"{giver} gives no rows")
    missing = [name for name in needed if name not in fields]
    if missing:
        there = f"only {', '.join(map(str, fields))}" if fields else "no fields"
        hint = near(missing[0], map(str, fields))
        problems.append(f"{giver} gives {there}; {' and '.join(missing)} must be among them{hint}")
    return problems


def kept_promises(giver: str, fields: Mapping[str, Tensor], declared: Fields) -> list[str]:
    """Where a real batch is not what the card of its giver says. `declared` is already placed."""
    problems = []
    for name, stated, got, _ in mismatches(field_shapes(fields), declared):
        there = f"it gives {got.words()}" if got else f"it gives only {', '.join(fields)}"
        problems.append(f"the card of {giver} says that it gives {name} {stated.words()}, but {there}")
    for name, (low, high), found in _beyond(fields, declared):
        problems.append(
            f"the card of {giver} says that it gives {name} from {low:g} to {high:g},"
            f" but the first batch has {found[0]:g} to {found[1]:g}"
        )
    return problems


def values_fit(giver: str, fields: Mapping[str, Tensor], taker: str, taken: Fields) -> list[str]:
    """Where a real batch leaves the ranges that the next component takes. `taken` is already placed."""
    return [
        f"{taker} expects {name} from {low:g} to {high:g}, {giver} gives {found[0]:g} to {found[1]:g}"
        for name, (low, high), found in _beyond(fields, taken)
    ]


def _beyond(
    fields: Mapping[str, Tensor], stated: Fields
) -> Iterator[tuple[str, tuple[float, float], tuple[float, float]]]:
    """Fields with numbers outside of their range: name, range, smallest and largest number."""
    for name, spec in stated.items():
        found = _extremes(fields[name]) if spec.range and name in fields else None
        if spec.range and found and not within(found, spec.range):
            yield name, spec.range, found


def not_finite(
    giver: str,
    fields: Mapping[str, Tensor],
    names: Sequence[str] = ("input", "target"),
    *,
    of: str = "the first batch",
) -> list[str]:
    """Numbers that no model learns from: NaN and infinity. For what the model gets; before imputation NaN is normal.

    `of` names the rows: a split in memory can be looked at whole.
    """
    problems = []
    for name in names:
        tensor = fields.get(name)
        if tensor is None or not (tensor.is_floating_point() or tensor.is_complex()) or not tensor.dim():
            continue
        bad = ~torch.isfinite(tensor)
        rows = int(bad.flatten(1).any(1).sum()) if tensor.dim() > 1 else int(bad.sum())
        if rows:
            what = "NaN" if bool(tensor.isnan().any()) else "infinity"
            problems.append(f"{giver} gives {name} with {what} in {rows} of {len(tensor)} rows of {of}")
    return problems


def fit_problems(slot: str, step: Any, card: Card | None) -> list[str]:
    """Where a step's methods and its card do not belong together."""
    problems = []
    fits = callable(getattr(step, "fit", None))
    if card and card.fits_on and not fits:
        problems.append(f"{slot}: its card says that it is fitted on {card.fits_on}, but it has no fit()")
    missing = [name for name in ("state_dict", "load_state_dict") if fits and not callable(getattr(step, name, None))]
    if missing:
        problems.append(
            f"{slot} has fit() but no {' and no '.join(f'{name}()' for name in missing)}: what it fits is lost"
        )
    if fits and getattr(step, "random", False):
        problems.append(f"{slot} has fit() and is random; a step that works on each batch anew cannot be fitted")
    return problems


def _extremes(tensor: Tensor) -> tuple[float, float] | None:
    """Smallest and largest number, NaN left out; None where there is none."""
    if tensor.is_complex() or not tensor.numel():
        return None
    known = tensor[~tensor.isnan()] if tensor.is_floating_point() else tensor
    return (float(known.min()), float(known.max())) if known.numel() else None


def said_of(value: Any) -> str:
    """`an int`, `a Tensor`."""
    kind = type(value).__name__
    return f"an {kind}" if kind[:1] in "aeiouAEIOU" else f"a {kind}"
