"""What a training says while it runs: a line for each evaluation, from the first process alone."""

from __future__ import annotations

import sys
from collections.abc import Mapping


def say(text: str) -> None:
    """One line on stdout, at once."""
    print(text, flush=True)


def complain(text: str) -> None:
    """One line on stderr, at once."""
    print(text, file=sys.stderr, flush=True)


def in_words(metrics: Mapping[str, float]) -> str:
    """`val.acc 0.9721  val.loss 0.1034`, without slices."""
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items() if "[" not in name)
