"""The values by example of recorded runs, in rows that can be compared: one for each run, the same examples in all.

A column is used where it is what the metric is the mean of, and where all runs have the same examples; else it is said
why not, and the interval is of the seeds alone. Nothing of a record is believed: bounds are those of record/items.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, isfinite
from typing import TYPE_CHECKING, NamedTuple

from gitexp.errors import GitexpError, counted
from gitexp.record.items import MOST_BYTES, Items, NoItems, load_items

if TYPE_CHECKING:
    from gitexp.datasets.objects.store import ObjectStore
    from gitexp.git.objectreader import ObjectReader
    from gitexp.history.read import Run

ROUNDED = 1e-4  # of its size: how far a metric may be from the mean over its examples

Rows = list[tuple[float, ...]]


class Results(NamedTuple):
    """The rows of either side, in the order of its runs; `why` there are none, where some run has values by example."""

    rows: tuple[Rows, Rows] | None
    why: str = ""


class ByExample:
    """Those of any run, read when they are first asked for."""

    def __init__(self, reader: ObjectReader, store: ObjectStore) -> None:
        self._reader, self._store = reader, store
        self._read: dict[str, tuple[Items, str]] = {}

    def of(self, run: Run) -> tuple[Items, str]:
        """The columns of a run; and why they cannot be read, where it has some."""
        if run.commit not in self._read:
            try:
                self._read[run.commit] = self._load(run), ""
            except (NoItems, GitexpError, OSError, ValueError) as reason:
                self._read[run.commit] = {}, f"those of {run.record.id if run.record else run.commit} {reason}"
        return self._read[run.commit]

    def _load(self, run: Run) -> Items:
        known = run.record.items if run.record is not None else None
        if known is None:
            return {}
        if known.digest is None:
            content = self._reader.read(f"{run.commit}:items.csv", limit=MOST_BYTES)
        else:
            size = self._store.size_bytes(known.digest)
            content = self._store.read_bytes(known.digest) if size is not None and size <= MOST_BYTES else None
        if content is None:
            raise NoItems("are not in this clone, or too large: gitexp get brings them")
        return load_items(content)

    def results(self, name: str, a: Sequence[tuple[Run, float]], b: Sequence[tuple[Run, float]]) -> Results:
        """Of one metric. `a`, `b`: the runs of either side, and the metric of each; NaN: it has no result."""
        runs = [(run, value) for run, value in (*a, *b) if isfinite(value)]
        found = [self.of(run) for run, _ in runs]
        columns = [items.get(name) for items, _ in found]
        if not any(columns):
            return Results(None, next((why for _, why in found if why), ""))
        lacking = sum(not column for column in columns)
        if lacking:
            why = next((f": {why}" for _, why in found if why), "")
            return Results(None, f"not recorded for {lacking} of {counted(len(runs), 'run')}{why}")
        known = [column for column in columns if column]
        ids = known[0].keys()
        other = next((column.keys() for column in known if column.keys() != ids), None)
        if other is not None:
            return Results(None, f"other examples: {len(ids & other)} in common of {len(ids | other)}")
        for (_, value), column in zip(runs, known, strict=True):
            mean = fsum(column.values()) / len(column)
            if not abs(mean - value) <= ROUNDED * max(abs(mean), abs(value)):
                return Results(None, f"their mean is {mean:.6g} and the metric {value:.6g} (another step, or no mean)")
        rows = iter([tuple(float(column[one]) for one in ids) for column in known])
        sides: list[Rows] = [[next(rows) if isfinite(value) else () for _, value in side] for side in (a, b)]
        return Results((sides[0], sides[1]))
