"""One field held against its rule, piece by piece: whole pieces at once, values one by one only where that fails."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gitexp.spec.contract import FLOATS, INTEGER_RANGES, FieldRule, label
from gitexp.tables.contracts.quantiles import Sample, quantile
from gitexp.tables.contracts.values import Values, flat, read_values, shape_of
from gitexp.tables.contracts.violations import Report, Violation
from gitexp.tables.rows.readers.images import Picture
from gitexp.text.schema import near, spell

MOST_LABELS = 10_000


class Place(NamedTuple):
    """Where the values of a piece stand."""

    file: str
    rows: Sequence[int]
    lines: Sequence[int] | None

    def at(self, index: int) -> tuple[int, int | None]:
        """Row and line of one."""
        return self.rows[index], None if self.lines is None else self.lines[index]

    def only(self, indices: Sequence[int]) -> Place:
        """Of these values alone; one may come more than once."""
        lines = None if self.lines is None else [self.lines[at] for at in indices]
        return Place(self.file, [self.rows[at] for at in indices], lines)


class FieldCheck:
    """The state of one field."""

    def __init__(self, rule: FieldRule, report: Report) -> None:
        self.rule, self.report = rule, report
        self._skipped = False  # in this file: its dtype is already known to be another
        self._is_array = False  # this file is one: its values come one by one, whatever the shape
        self._present = self._missing = 0
        self._counter: Counter[Any] = Counter()
        self._counts = bool(rule.counted or rule.values is not None or rule.shares)
        self._allowed = None if rule.values is None else frozenset(rule.values)
        self._seen: set[Any] | None = set() if rule.unique else None
        self._sample = Sample() if rule.quantiles else None
        self._matches = re.compile(rule.pattern).fullmatch if rule.pattern is not None else None

    # ---- the whole file

    def start(self, file: str, dtype: str | None, shape: tuple[int, ...] | None) -> None:
        """A file begins that declares this."""
        self._skipped, self._is_array = False, shape is not None
        if dtype is not None and not _fits(dtype, self.rule):
            self._skipped = True
            self.report.add("dtype", f"is {dtype}, expected {self.rule.dtype or self.rule.family}", file=file,
                            column=self.rule.name)  # fmt: skip
        wanted = self.rule.shape
        if shape is not None and wanted is not None and not _same_shape(shape, wanted):
            what = f"the shape is {_shape(shape)}, expected {_shape(wanted)}"
            self.report.add("shape", what, file=file, column=self.rule.name)

    # ---- a piece

    def take(self, values: Sequence[Any], place: Place, *, as_text: bool) -> None:
        """Check some values."""
        if self._skipped or not len(values):
            return
        rule = self.rule
        if isinstance(values[0], Picture):
            self._pictures(values, place)
            return
        if rule.shape is not None and not self._is_array and not as_text:
            values, place = self._unfold(values, place)
        found = read_values(values, rule.family, as_text=as_text)
        self._present += len(found.good)
        self._missing += len(found.missing)
        if found.wrong:
            self._report("dtype", found.wrong, place, lambda at: _not_of(values[at], rule.dtype or rule.family or ""))
        if found.missing and rule.missing == 0:
            self._report("missing", found.missing, place, lambda _at: "is missing")
        if len(found.good):
            self._bounds(found, place)
            self._labels(found, place)
            self._others(found, place)

    def _bounds(self, found: Values, place: Place) -> None:
        low, high = self.rule.bounds
        good = found.good
        if low is not None and min(good) < low:
            self._report_good("min", found, place, lambda v: v < low, lambda v: f"{_value(v)} is below {_value(low)}")
        if high is not None and max(good) > high:
            self._report_good("max", found, place, lambda v: v > high, lambda v: f"{_value(v)} is above {_value(high)}")

    def _labels(self, found: Values, place: Place) -> None:
        allowed = self._allowed
        if allowed is not None and not allowed.issuperset(found.good):
            known = [label(value) for value in self.rule.values or ()]
            self._report_good(
                "values", found, place, lambda v: v not in allowed,
                lambda v: f"{_value(v)} is not one of values{near(label(v), known)}",
            )  # fmt: skip
        if self._counts:
            self._counter.update(found.good)
            if allowed is not None and len(self._counter) > len(allowed):
                self._counter = Counter({value: n for value, n in self._counter.items() if value in allowed})
            elif len(self._counter) > MOST_LABELS:
                what = f"more than {MOST_LABELS:,} different values: these are no labels"
                self.report.add("count", what, column=self.rule.name)
                self._counts, self._counter = False, Counter()

    def _others(self, found: Values, place: Place) -> None:
        if self._matches is not None and not all(map(self._matches, found.good)):
            matches = self._matches
            self._report_good(
                "pattern", found, place, lambda v: not matches(v),
                lambda v: f"{_value(v)} does not match {self.rule.pattern}",
            )  # fmt: skip
        if self._seen is not None:
            self._unique(found, place, self._seen)
        if self._sample is not None:
            self._sample.extend(found.good)

    def _unique(self, found: Values, place: Place, seen: set[Any]) -> None:
        different = set(found.good)
        if len(different) == len(found.good) and seen.isdisjoint(different):
            seen |= different
            return
        for at, value in enumerate(found.good):
            if value in seen:
                self._one("unique", f"{_value(value)} was there before", place, found.place(at))
            seen.add(value)

    # ---- pictures, and lists in a cell

    def _pictures(self, values: Sequence[Picture], place: Place) -> None:
        rule = self.rule
        self._present += len(values)
        for at, picture in enumerate(values):
            if rule.shape is not None and not _same_shape((0, *picture.shape), ("", *rule.shape[1:])):
                expected = _shape(("n", *rule.shape[1:]))
                self._one("shape", f"the shape is {_shape(('n', *picture.shape))}, expected {expected}", place, at)
            if not _fits(picture.dtype, rule):
                self._one("dtype", f"is {picture.dtype}, expected {rule.dtype or rule.family}", place, at)

    def _unfold(self, values: Sequence[Any], place: Place) -> tuple[Sequence[Any], Place]:
        """Lists in cells as one value after another; those of another shape are reported and left out."""
        wanted = self.rule.shape or ()
        unfolded: list[Any] = []
        places: list[int] = []
        for at, value in enumerate(values):
            shape = () if value is None else shape_of(value)
            if value is not None and (shape is None or not _same_shape((0, *shape), ("", *wanted[1:]))):
                found = "ragged" if shape is None else _shape(("n", *shape))
                self._one("shape", f"the shape is {found}, expected {_shape(('n', *wanted[1:]))}", place, at)
                continue
            inner = list(flat(value))
            unfolded += inner
            places += [at] * len(inner)
        return unfolded, place.only(places)

    # ---- the end

    def finish(self) -> None:
        """What can be said only of all values together."""
        rule, all_values = self.rule, self._present + self._missing
        if self._missing and rule.missing and self._missing / all_values > rule.missing:
            what = f"{_percent(self._missing / all_values)} are missing, and at most {_percent(rule.missing)} may be"
            self.report.add("missing", what, column=rule.name)
        shares = {label(value): count / self._present for value, count in self._counter.items()}
        for name, (low, high) in rule.shares.items():
            share = shares.get(name, 0.0)
            if self._present and self._counts and not low <= share <= high:
                what = f"{_percent(share)} are {spell(name)}, expected {_percent(low)} to {_percent(high)}"
                self.report.add("shares", what, column=rule.name)
        if self._sample is None or not self._sample.seen:
            return
        ordered = self._sample.sorted()
        of = "" if self._sample.exact else f", by a sample of {len(ordered):,} values"
        for name, (low, high) in rule.quantiles.items():
            value = quantile(ordered, float(name))
            if not low <= value <= high:
                what = f"the {name} quantile is {value:.6g}, expected {_value(low)} to {_value(high)}{of}"
                self.report.add("quantiles", what, column=rule.name)

    def counts(self) -> Mapping[str, int]:
        """Rows by value, of a field whose values are labels; of those that a rule names, also where there are none."""
        if not self._counts:
            return {}
        named = {label(value): 0 for value in self.rule.values or ()} | dict.fromkeys(self.rule.shares, 0)
        counted = {label(value): count for value, count in sorted(self._counter.items(), key=lambda one: label(one[0]))}
        if self.rule.values is not None or not self.rule.counted:
            counted = {name: count for name, count in counted.items() if name in named}
        return named | counted

    # ---- reporting

    def _one(self, rule: str, what: str, place: Place, at: int) -> None:
        if self.report.wants(rule, self.rule.name):
            self._keep(rule, what, place, at)

    def _report(self, rule: str, places: Iterable[int], place: Place, words: Callable[[int], str]) -> None:
        for at in places:
            if self.report.wants(rule, self.rule.name):
                self._keep(rule, words(at), place, at)

    def _report_good(
        self, rule: str, found: Values, place: Place, broken: Callable[[Any], Any], words: Callable[[Any], str]
    ) -> None:
        for at, value in enumerate(found.good):
            if broken(value) and self.report.wants(rule, self.rule.name):
                self._keep(rule, words(value), place, found.place(at))

    def _keep(self, rule: str, what: str, place: Place, at: int) -> None:
        row, line = place.at(at)
        self.report.keep(Violation(place.file, row, self.rule.name, rule, what, line))


def _fits(dtype: str, rule: FieldRule) -> bool:
    """Whether what a file declares can hold what the rule asks for."""
    inner = re.fullmatch(r"(?:large_)?list<(?:item|element): (.*)>", dtype)
    if inner:
        return _fits({"double": "float64", "float": "float32"}.get(inner[1], inner[1]), rule)
    if rule.dtype in INTEGER_RANGES or rule.dtype in FLOATS:
        return dtype == rule.dtype
    family = "int" if dtype in INTEGER_RANGES else "float" if dtype in FLOATS else dtype
    if family not in ("int", "float", "bool", "text", "date") or rule.family is None:
        return True  # what its values are will show
    if rule.family == "date" and family == "text":
        return True
    return family == rule.family or (family == "int" and rule.family == "float")


def _same_shape(shape: Sequence[int], wanted: Sequence[int | str]) -> bool:
    """Whether sizes agree; a name stands for any, but for the same one wherever it comes again."""
    if len(shape) != len(wanted):
        return False
    named: dict[str, int] = {}
    return all(
        size == (named.setdefault(want, size) if isinstance(want, str) else want)
        for size, want in zip(shape, wanted, strict=True)
    )


def _shape(shape: Sequence[int | str]) -> str:
    return f"({', '.join(map(str, shape))})"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return spell(value).removesuffix(".0")
    return spell(value) if isinstance(value, str | int) else label(value)


def _not_of(value: Any, dtype: str) -> str:
    if isinstance(value, list):
        return f'expected {dtype}, got an array; if that is right, say its shape: shape = ["n", {len(value)}]'
    return f"expected {dtype}, got {_value(value)}"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
