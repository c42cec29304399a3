"""How far apart a metric of a run and of its rerun may be, and which metrics are not compared: rules of judging."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

from gitexp.record.metricnames import is_clock
from gitexp.record.metrics import Number, goal_of, parse_number

DEFAULT = "0.1%"  # of a metric that nothing is stated for
MOST_PATTERNS = 1000  # each is held against each of 10,000 metrics


def allowance(stated: Any) -> tuple[float, bool] | None:
    """`0.005` as (0.005, False), `"1%"` as (0.01, True): how far, and whether it is a share. None: it says neither."""
    share = isinstance(stated, str) and stated.endswith("%")
    known = parse_number(stated[:-1].strip()) if share and len(stated) <= 40 else stated
    if isinstance(known, bool) or not isinstance(known, int | float) or not 0 <= known < 1e300:
        return None
    return (float(known) / 100, True) if share else (float(known), False)


@lru_cache(maxsize=4)
def _declared(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """Whether a name is one of these or fits one. One expression of all: a thousand take a millisecond to be tried."""
    import re
    from fnmatch import translate

    exact = frozenset(patterns)
    fits = re.compile("|".join(translate(one) for one in patterns if not one.isalnum()) or r"(?!)").match
    return lambda name: name in exact or fits(name)


class Rules(NamedTuple):
    """What a recipe says of judging its reruns. A slice goes by its own name, else by that of its metric."""

    tolerance: Mapping[str, Any] = {}
    not_compared: tuple[str, ...] = ()  # patterns
    goals: Mapping[str, str] = {}

    @classmethod
    def of(cls, recipe: Mapping[str, Any] | None, *, goals: Mapping[str, str]) -> Rules:
        """Of anybody's recipe: what is not stated as it must be is not stated."""
        table = (recipe or {}).get("metrics")
        known = table if isinstance(table, dict) else {}
        stated, patterns = known.get("tolerance"), known.get("not_compared")
        return cls(
            {k: v for k, v in stated.items() if allowance(v) is not None} if isinstance(stated, dict) else {},
            tuple(p for p in patterns if isinstance(p, str))[:MOST_PATTERNS] if isinstance(patterns, list) else (),
            goals,
        )

    def compares(self, metric: str) -> bool:
        """Whether the metric counts: it is not declared, and no clock without a goal or a tolerance."""
        if any(map(_declared(self.not_compared), (metric, metric.partition("[")[0]))):
            return False
        return not is_clock(metric) or self.is_declared(metric)

    def is_stated(self, metric: str) -> bool:
        """Whether the recipe says how far this metric may be apart."""
        return metric in self.tolerance or metric.partition("[")[0] in self.tolerance

    def is_declared(self, metric: str) -> bool:
        """Whether the recipe says which way it goes, or how far it may be apart."""
        return goal_of(metric, self.goals) is not None or self.is_stated(metric)

    def stated(self, metric: str) -> str:
        """How far, as the recipe says it, else as it is without a word."""
        known = self.tolerance.get(metric, self.tolerance.get(metric.partition("[")[0], DEFAULT))
        return known if isinstance(known, str) else repr(known)

    def allowed(self, metric: str, value: Number) -> float:
        """The same as a number: a share is one of this value."""
        stated = self.tolerance.get(metric, self.tolerance.get(metric.partition("[")[0], DEFAULT))
        far, is_share = allowance(stated) or (0.0, False)
        return float(f"{far * abs(float(value)):.12g}") if is_share else far

    def within(self, metric: str, original: Number | None, rerun: Number | None) -> bool:
        """Whether two values of it are close enough. NaN is like NaN alone, and so is infinity."""
        if original is None or rerun is None:
            return False
        if original == rerun or (original != original and rerun != rerun):
            return True
        far = abs(float(rerun) - float(original))
        return isfinite(far) and far <= self.allowed(metric, original) * (1 + 1e-12)
