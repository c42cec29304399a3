"""One seed to all others: of python, numpy and torch, of every rank, epoch and batch; and their states, to go on from.

Seeds are derived by hashing, so that neighbouring seeds, ranks and epochs have nothing in common.
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


def derive(seed: int, *labels: str | int) -> int:
    """A seed of 63 bits for one purpose: the first bytes of BLAKE2b over the seed and the labels."""
    text = "/".join(str(part) for part in (seed, *labels))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def seed_all(seed: int) -> None:
    """Seed the global generators of python, numpy and torch, those of the devices included."""
    random.seed(seed)
    torch.manual_seed(seed)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(seed % 2**32)


def generator_states() -> dict[str, Any]:
    """The states of all global generators, as tensors and plain values that load with weights_only."""
    version, words, gauss = random.getstate()
    states: dict[str, Any] = {
        "python": {"version": version, "words": torch.tensor(words, dtype=torch.int64), "gauss": gauss},
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    if (numpy := sys.modules.get("numpy")) is not None:
        kind, keys, position, has_gauss, cached = numpy.random.get_state()
        states["numpy"] = {
            "kind": kind,
            "keys": torch.from_numpy(keys.astype("int64")),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached": float(cached),
        }
    return states


def restore_generators(states: dict[str, Any]) -> None:
    """Put all global generators where they were."""
    python: dict[str, Any] = states["python"]
    words: Tensor = python["words"]
    random.setstate((python["version"], tuple(words.tolist()), python["gauss"]))
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(states["cuda"][: torch.cuda.device_count()])
    numpy = sys.modules.get("numpy")
    if "numpy" in states and numpy is not None:
        kept = states["numpy"]
        keys = kept["keys"].numpy().astype("uint32")
        numpy.random.set_state((kept["kind"], keys, kept["position"], kept["has_gauss"], kept["cached"]))


@contextmanager
def fork_all() -> Iterator[None]:
    """Let a block draw what it likes: afterwards all global generators are where they were."""
    numpy = sys.modules.get("numpy")
    python_state, torch_state = random.getstate(), torch.get_rng_state()
    numpy_state = None if numpy is None else numpy.random.get_state()
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    try:
        yield
    finally:
        random.setstate(python_state)
        torch.set_rng_state(torch_state)
        if numpy is not None:
            numpy.random.set_state(numpy_state)
        if cuda_states is not None:
            torch.cuda.set_rng_state_all(cuda_states)
