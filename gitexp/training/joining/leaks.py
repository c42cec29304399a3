"""Find where what a model is judged by gets into what it learns from: datasets in the wrong hands, rows in two splits.

Equal rows alone prove nothing: coarse data repeats itself. A held-out split is refused when it shares memory with the
train split, or when far more of its rows are in the train split, bit for bit, than the train split has twins of its own
(with a fair draw both shares are about the same). Fewer are worth a warning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor
from torch.utils.data import Subset

from gitexp.spec.placeholders import Misplaced, parse
from gitexp.text.schema import KeyPath, Problem
from gitexp.training.rows import table_rows

_SLOTS = ("preprocess", "model", "loss", "optimizer", "scheduler", "train")
_EXCESS = 0.1  # share of held-out rows in train beyond what train's own twins explain
_FEW = 5  # shared rows that may be chance, unless they are all there are
_LIMIT_BYTES = 2**28  # of both splits; comparing more takes more time and memory than it is worth at every start


class Shared(NamedTuple):
    """What a held-out split has in common with the train split."""

    split: str
    rows: int
    shared: int
    refuse: bool  # else a warning
    words: str


def leaked_datasets(recipe: Mapping[str, Any], datasets: Mapping[str, Mapping[str, Any]]) -> list[Problem]:
    """Datasets of the loader that another component reads past the splits; the recipe as typed, placeholders unfilled.

    Loader and eval may; datasets of kind `model` (pre-trained weights) may go anywhere.
    """
    loaded = {name for _, name in _mentioned(recipe.get("loader", {}), ("loader",))}
    return [
        (path, f"{{data.{name}}} is the loader's: read from here it would be seen with its held-out rows")
        for slot in _SLOTS
        for path, name in _mentioned(recipe.get(slot, {}), (slot,))
        if name in loaded and datasets.get(name, {}).get("kind") != "model"
    ]


def _mentioned(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _mentioned(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from _mentioned(inner, path)
    elif isinstance(value, str):
        try:
            parts = parse(value)
        except Misplaced:
            return  # the front has said so
        yield from ((path, part[1]) for part in parts if isinstance(part, tuple) and part[:1] == ("data",) and part[1:])


def shared_rows(splits: Mapping[str, Any]) -> list[Shared]:
    """What each held-out split shares with `train`; a split that shares nothing, or cannot be compared, is left out."""
    train = splits.get("train")
    if train is None:
        return []
    found = []
    counted: Counter[bytes] | None = None
    for name, split in splits.items():
        if name == "train":
            continue
        whole = _same_memory(train, split)
        if whole:
            rows, shared = len(split), whole
            found.append(
                Shared(name, rows, shared, True, f"{_much(shared, rows, name)} the train split's own, in memory")
            )
            continue
        common = [field for field, tensor in _fields(split).items() if tensor.numel() and field in _fields(train)]
        if not common or _bytes(train) + _bytes(split) > _LIMIT_BYTES:
            continue
        counted = Counter(_rows(train, common))
        twin = [row in counted for row in _rows(split, common)]
        if any(twin):
            found.append(_judged(name, len(twin), sum(twin), counted))
    return found


def _judged(name: str, rows: int, shared: int, train: Counter[bytes]) -> Shared:
    twins = sum(count for count in train.values() if count > 1) / max(1, train.total())
    many = shared / rows > twins + _EXCESS and (shared >= _FEW or shared == rows)
    words = f"{_much(shared, rows, name)} in the train split too, bit for bit"
    return Shared(name, rows, shared, many, words)


def _much(shared: int, rows: int, name: str) -> str:
    if shared == rows:
        return f"all {rows} rows of {name} are" if rows != 1 else f"the one row of {name} is"
    return f"{shared} of {rows} rows of {name} {'are' if shared != 1 else 'is'}"


# ---- splits


def _fields(split: Any) -> Mapping[str, Tensor]:
    """A Table's tensors by field; nothing for other datasets, whose rows would all have to be loaded."""
    fields = getattr(split, "fields", None)
    return fields if isinstance(fields, dict) and all(isinstance(v, Tensor) for v in fields.values()) else {}


def _bytes(split: Any) -> int:
    return sum(tensor.nbytes for tensor in _fields(split).values())


def _rows(split: Any, names: Sequence[str]) -> list[bytes]:
    """Each row of these fields as bytes."""
    return [b"".join(parts) for parts in table_rows(_fields(split), names)]


def _same_memory(train: Any, split: Any) -> int:
    """How many rows of a split are the train split's own: the same object, the same rows of one dataset or tensor."""
    if split is train:
        return len(split)
    if isinstance(train, Subset) and isinstance(split, Subset) and train.dataset is split.dataset:
        own = set(train.indices)
        return sum(index in own for index in split.indices)
    if isinstance(train, Subset) and train.dataset is split:
        return len(set(train.indices))
    if isinstance(split, Subset) and split.dataset is train:
        return len(split)
    if "input" not in _fields(train) or "input" not in _fields(split):
        return 0
    return _overlap(_fields(train)["input"], _fields(split)["input"])


def _overlap(train: Tensor, held_out: Tensor) -> int:
    """Rows of one tensor that lie where rows of the other lie. Only for rows that stand one after the other."""
    pointer = train.untyped_storage().data_ptr()
    if not pointer or pointer != held_out.untyped_storage().data_ptr() or train.shape[1:] != held_out.shape[1:]:
        return 0
    size = train[0].numel() if len(train) and len(held_out) else 0
    if not size or not train.is_contiguous() or not held_out.is_contiguous():
        return 0
    first = max(train.storage_offset(), held_out.storage_offset())
    last = min(train.storage_offset() + train.numel(), held_out.storage_offset() + held_out.numel())
    return max(0, (last - first) // size)
