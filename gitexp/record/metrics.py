"""Metrics: what a name and a number may be, and metrics.toml as text and back.

Numbers are floats, or integers within ±2^63; a boolean is 1 or 0 everywhere. Floats are written as the shortest decimal
that gives back the same float, so what a program logged as 0.1 is 0.1 in every file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gitexp.record.metricnames import is_clock, is_setting
from gitexp.text.bounded import load_tables

RESERVED = ("step", "time_s", "attempt")
MAX_NAME_BYTES = 128
MAX_METRICS = 10_000  # different names in one run

Number = float | int


class Row(NamedTuple):
    """Values logged together. None: the program did not say which step, or when."""

    step: int | None
    time_s: float | None  # seconds since the run started
    values: dict[str, Number]


class MetricRules(NamedTuple):
    """How metrics are found and judged, as [metrics] of a recipe says. The keys are metrics' names."""

    files: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()  # patterns: only these
    ignore: tuple[str, ...] = ()  # patterns: not these
    output: Mapping[str, str] = MappingProxyType({})  # regular expression with a group
    goal: Mapping[str, str] = MappingProxyType({})  # max | min
    summary: Mapping[str, str] = MappingProxyType({})  # last | best | min | max
    items: str | None = None  # a file with values by example
    step: str | None = None  # the column of its files that is the step; None: the one of that name
    monitor: str | None = None  # which of them says what the best row is; None: the first goal
    named: tuple[str, ...] = ()  # by the recipe itself, not by its lab's gitexp.toml


def metric_rules(recipe: Mapping[str, Any], *, named: tuple[str, ...] = ()) -> MetricRules:
    """The rules of a recipe that was found to be right."""
    table = recipe.get("metrics", {})
    known = {key: table[key] for key in ("output", "goal", "summary", "items", "step", "monitor") if key in table}
    files, keys, ignore = (tuple(table.get(key, ())) for key in ("files", "keys", "ignore"))
    return MetricRules(files, keys, ignore, named=named, **known)


class Selection:
    """Which of the metrics that there are a recipe wants, by `[metrics] keys` and `ignore`. What it names stays."""

    def __init__(self, rules: MetricRules) -> None:
        self.unmatched = dict.fromkeys([*rules.keys, *rules.ignore])  # patterns that nothing has matched so far
        self.seen: dict[str, bool] = {}  # each name that was asked about: whether it is wanted
        self._rules = rules
        self._named = {*rules.goal, *rules.output, *rules.summary, *rules.named, rules.monitor}

    def asks_for(self, name: str) -> bool:
        """Whether the recipe names it, or `keys` has it."""
        return self._matches(name, self._rules.keys) or not self._named.isdisjoint(_own_and_above(name))

    def wants(self, name: str) -> bool:
        """Whether it is to be recorded. A slice goes by its metric, too."""
        known = self.seen.get(name)
        if known is None:
            asked, ignored = self.asks_for(name), self._matches(name, self._rules.ignore)
            named = asked and not self._named.isdisjoint(_own_and_above(name))
            known = self.seen[name] = named or ((asked or not self._rules.keys) and not ignored)
        return known

    def _matches(self, name: str, patterns: tuple[str, ...]) -> bool:
        if not patterns:
            return False
        from fnmatch import fnmatchcase

        found = [p for p in patterns if any(one == p or fnmatchcase(one, p) for one in _own_and_above(name))]
        for pattern in found:
            self.unmatched.pop(pattern, None)
        return bool(found)


def _own_and_above(name: str) -> tuple[str, str]:
    return name, name.partition("[")[0]


def goal_of(metric: str, goals: Mapping[str, str]) -> str | None:
    """`max`, `min` or None; a slice like `val.acc[digit=3]` has the goal of its metric unless it has one itself."""
    return goals.get(metric) or goals.get(metric.partition("[")[0])


_EXECUTED = "=+-@"
# Line breaks that Unicode adds to ASCII's, and changes of writing direction, which make a terminal show another name.
_CONTROLS = frozenset("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def normal_name(name: str) -> str:
    """The spelling of a name that is recorded: NFC."""
    if name.isascii():
        return name
    from unicodedata import normalize

    return normalize("NFC", name)


def metric_name_problem(name: str) -> str | None:
    """Why this cannot be a metric's name, as the end of a sentence, or None. gitexp.script states the same rules."""
    if name == "":
        return "a name cannot be empty"
    if name in RESERVED:
        return "this name is reserved"
    if name[0] in _EXECUTED:
        return f"a name cannot start with {name[0]} (spreadsheets would execute it)"
    if not (name.isascii() and name.isprintable()):
        for char in name:
            if char < " " or "\x7f" <= char <= "\x9f" or "\ud800" <= char <= "\udfff" or char in _CONTROLS:
                return "a name cannot hold control characters"
        if normal_name(name) != name:
            return "a name must be in Unicode's normal form C"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"a name has at most {MAX_NAME_BYTES} bytes"
    return None


def number(value: object) -> Number | None:
    """A parsed value as a metric's number; None when it is none. Integers that TOML cannot hold become floats."""
    if type(value) is float:
        return value
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return int(value)
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def parse_number(text: str) -> Number | None:
    """A short text as a metric's number, as Python reads numbers; None when it is none."""
    try:
        return number(int(text))
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def foremost(names: Iterable[str], goals: Iterable[str]) -> list[str]:
    """What people look at first: metrics with a goal, then the others; no slices, settings and clocks, unless all are.

    A setting is a learning rate that is logged as it changes: nothing is learnt about a run from where it ended.
    """
    names = list(names)
    stated = [name for name in goals if name in names]
    others = [n for n in names if n not in stated and "[" not in n and not is_setting(n) and not is_clock(n)]
    return stated + others or names


def dump_metrics(metrics: Mapping[str, Number]) -> str:
    """The text of metrics.toml: a line for each metric, its name always quoted, in the order given."""
    lines = []
    for name, value in metrics.items():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'"{quoted}" = {value!r}\n')
    return "".join(lines)


def load_metrics(text: str, *, where: str = "metrics.toml") -> dict[str, Number]:
    """Parse anybody's metrics.toml. What is not a number under a proper name is left out. Raises Unreadable."""
    metrics: dict[str, Number] = {}
    for name, value in load_tables(text, where=where).items():
        known = number(value)
        if known is not None and metric_name_problem(name) is None and len(metrics) < MAX_METRICS:
            metrics[name] = known
    return metrics
