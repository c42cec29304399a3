"""Which rows each split has, as a digest for the record: two runs are comparable where the held-out ones are the same.

By the numbers that rows have in what they were drawn from, where the split knows them; else by their content, where
that is in memory and not too much; else nothing is said. The order of rows makes no difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset, TensorDataset

MOST_ROWS = 2_000_000
MOST_BYTES = 1 << 30


def rows_of(splits: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """For each split its number of `rows` and, where it can be told, `digest` and what that is made `by`."""
    found = {}
    for name, split in splits.items():
        known: dict[str, Any] = {"rows": len(split)}
        by, parts = _parts(split)
        if parts is not None:
            hasher = hashlib.sha256()
            for part in parts:
                hasher.update(part)
            known |= {"by": by, "digest": f"sha256:{hasher.hexdigest()}"}
        found[name] = known
    return found


def _parts(split: Any) -> tuple[str, Iterable[bytes] | None]:
    if len(split) > MOST_ROWS:
        return "", None
    numbers = _numbers(split)
    if numbers is not None:
        return "index", (b"%d\n" % number for number in sorted(numbers))
    content = _content(split)
    return "content", None if content is None else sorted(content)


def _numbers(split: Any) -> Sequence[int] | None:
    """Its rows' numbers in the whole: a Subset's, a Table's, those of whatever has `indices` of its own."""
    indices: Any = getattr(split, "indices", None)
    try:
        numbers = indices.tolist() if hasattr(indices, "tolist") else list(indices or ())
    except TypeError:
        return None
    if len(numbers) != len(split) or not all(type(number) is int for number in numbers):
        return None
    inner = _numbers(split.dataset) if isinstance(split, Subset) else None
    return numbers if inner is None else [inner[number] for number in numbers]


def _content(split: Any) -> list[bytes] | None:
    """A hash of each row that is in memory."""
    fields = getattr(split, "fields", None)
    if isinstance(split, TensorDataset):
        fields = {str(place): tensor for place, tensor in enumerate(split.tensors)}
    if isinstance(fields, dict) and all(isinstance(values, Tensor) for values in fields.values()):
        if sum(values.nbytes for values in fields.values()) > MOST_BYTES:
            return None
        return [_hash(row) for row in table_rows(fields, sorted(fields))]
    if not isinstance(split, list | tuple) or not all(isinstance(row, Mapping) for row in split):
        return None
    try:
        return [_hash(_plain(row)) for row in split]
    except TypeError:
        return None


def table_rows(fields: Mapping[str, Tensor], names: Sequence[str]) -> Iterator[list[bytes]]:
    """Each row of these fields as bytes, field by field."""
    parts = []
    for name in names:
        tensor = fields[name].detach().cpu().contiguous()
        data = tensor.reshape(len(tensor), -1).view(torch.uint8).numpy()
        parts.append((data.tobytes(), data.shape[1]))
    for row in range(len(fields[names[0]]) if names else 0):
        yield [data[row * size : (row + 1) * size] for data, size in parts]


def _plain(row: Mapping[Any, Any]) -> Iterator[bytes]:
    """Raises TypeError for what may be spelled otherwise in another process."""
    for name in sorted(row, key=str):
        value = torch.as_tensor(row[name]) if hasattr(row[name], "__array__") else row[name]
        if isinstance(value, Tensor):
            value = b"".join(*table_rows({"": value[None]}, [""]))
        elif not isinstance(value, str | bytes | int | float):
            raise TypeError(name)
        yield b"%s\0%s\n" % (str(name).encode(), value if isinstance(value, bytes) else repr(value).encode())


def _hash(row: Iterable[bytes]) -> bytes:
    return hashlib.blake2b(b"".join(row), digest_size=16).digest()
