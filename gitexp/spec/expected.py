"""Turn the text of a recipe's expected.toml into what it should come to: time, metrics, a golden short run's metrics.

time_s = 3.0                                            # of the whole recipe, on two cores
[expected]                                              # of the whole recipe
"val.acc" = { value = 0.967, tolerance = 0.01 }         # tolerance: absolute
[golden]                                                # `gitexp test` runs this
set = ["train.epochs=2"]                                # as after -s
[golden.metrics]
"val.loss" = { value = 1.2345, tolerance = 1e-4 }
"train.loss" = 0.9876                                   # a number alone: within a millionth of it
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gitexp.spec.config import metric_name
from gitexp.text.bounded import load_checked
from gitexp.text.schema import Each, Either, Problem, Shape, expected, problems_in, texts

FILE = "expected.toml"
RELATIVE = 1e-6  # how far a metric without a tolerance may be off; 0 where the value is 0


class Bound(NamedTuple):
    """A number, and how far another may be from it."""

    value: float
    tolerance: float  # absolute

    def holds(self, found: float | int | None) -> bool:
        """Whether a metric is what was expected; one that was not logged is not, and nan is nan."""
        if found is None:
            return False
        if self.value != self.value or found != found:
            return self.value != self.value and found != found
        return found == self.value or abs(found - self.value) <= self.tolerance


class Golden(NamedTuple):
    """A short run and its metrics."""

    overrides: tuple[str, ...]
    metrics: Mapping[str, Bound]


class Expected(NamedTuple):
    """expected.toml."""

    time_s: float | None = None
    metrics: Mapping[str, Bound] = MappingProxyType({})
    golden: Golden | None = None


def load_expected(text: str, *, where: str) -> Expected:
    """Parse expected.toml. Raises Refused with every problem as a `file:line: key: what` line."""
    table = load_checked(text, where=where, check=_problems)
    golden = table.get("golden")
    return Expected(
        time_s=table.get("time_s"),
        metrics=_bounds(table.get("expected", {})),
        golden=None if golden is None else Golden(tuple(golden.get("set", ())), _bounds(golden["metrics"])),
    )


def _problems(table: Mapping[str, Any]) -> list[Problem]:
    problems = [*problems_in(table, _SHAPE), *((path, "lacks value") for path in _valueless(table))]
    if not problems and "golden" in table and not table["golden"].get("metrics"):
        problems.append((("golden",), 'says no metrics: [golden.metrics]  "val.loss" = { value = 1.5 }'))
    return problems


def _valueless(table: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for path in (("expected",), ("golden", "metrics")):
        part: Any = table
        for key in path:
            part = part.get(key, {}) if isinstance(part, dict) else {}
        for name, given in part.items() if isinstance(part, dict) else ():
            if isinstance(given, dict) and "value" not in given:
                yield (*path, name)


def _bounds(table: Mapping[str, Any]) -> dict[str, Bound]:
    return {name: _bound(value) for name, value in table.items()}


def _bound(given: Any) -> Bound:
    value = given["value"] if isinstance(given, dict) else given
    tolerance = given.get("tolerance") if isinstance(given, dict) else None
    return Bound(float(value), abs(value) * RELATIVE if tolerance is None else float(tolerance))


def _number(value: Any) -> str | None:
    right = isinstance(value, float) or (type(value) is int and abs(value) < 2**63)  # beyond, it may be no float
    return None if right else expected("a number", value)


def _not_negative(value: Any) -> str | None:
    return _number(value) or (None if value >= 0 else expected("a number from 0", value))


def _plain(value: Any) -> str | None:
    return None if _number(value) is None else expected("a number, or { value = …, tolerance = … }", value)


_METRICS = Each(Either(_plain, {"value": _number, "tolerance": _not_negative}), name=metric_name)
_SHAPE: Shape = {
    "time_s": _not_negative,
    "expected": _METRICS,
    "golden": {"set": texts, "metrics": _METRICS},
}
