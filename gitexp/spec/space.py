"""[space]: the range or the choices of a key, what may be wrong with it, and whether a value lies in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitexp.text.schema import expected, scalar, spell

EXAMPLE = "{ low = 1e-5, high = 1e-1, log = true }"


def range_problem(entry: Mapping[str, Any]) -> str | None:
    """Why this is neither `{ low, high, log }` nor `{ choices }`."""
    if "choices" in entry:
        others = [key for key in ("low", "high", "log") if key in entry]
        return f"choices stand alone, without {' and '.join(others)}" if others else None
    missing = [key for key in ("low", "high") if key not in entry]
    if missing:
        return f"{' and '.join(missing)} missing; expected {EXAMPLE} or {{ choices = […] }}"
    low, high = entry["low"], entry["high"]
    if not low < high:
        return f"low must be less than high, got {scalar(low)} and {scalar(high)}"
    if entry.get("log") and low <= 0:
        return f"log needs low > 0, got {scalar(low)}"
    return None


def outside(value: Any, entry: Mapping[str, Any]) -> str | None:
    """Why the value is none of the choices, or not in the range. None also for a key without a value."""
    if value is None:
        return None
    if "choices" in entry:
        if any(value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in entry["choices"]):
            return None
        return f"{spell(value)} is none of the choices in [space]: {spell(entry['choices'])}"
    low, high = entry["low"], entry["high"]
    if not isinstance(value, int | float) or isinstance(value, bool):
        return expected(f"a number from {scalar(low)} to {scalar(high)}, as [space] says", value)
    if low <= value <= high:
        return None
    return f"{scalar(value)} lies outside of its range in [space], {scalar(low)} to {scalar(high)}"
