"""What there is to say of a run's metrics while they are read: sentences, and what was looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitexp.errors import and_more, counted
from gitexp.record.metricreader import Reader
from gitexp.record.metrics import Selection
from gitexp.record.runrecord import Seen

if TYPE_CHECKING:
    from gitexp.record.metrics import MetricRules

NAMED = 8  # metrics, or tables, of one sentence


class Telling:
    """What there is to say of a run's metrics, what was looked at, and what was taken."""

    def __init__(
        self,
        rules: MetricRules,
        completed: bool,
        rewritten: Iterable[str],
        others: Mapping[str, set[str] | None],
    ) -> None:
        self.seen: list[Seen] = []
        self.settings: dict[str, dict[str, Any]] = {}
        self.taken: set[tuple[int, int]] = set()  # files that were read
        self.rules, self.completed, self.rewritten = rules, completed, set(rewritten)
        self.selection = Selection(rules)
        self.others = others  # metric files of runs that were here at the same time, by run
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.looked_in: list[str] = []
        self.texts: dict[str, str] = {}  # metrics that came as text: which, and where
        self.had_step = False  # whether a file had the column that is the step
        self.said_of: set[str] = set()  # metrics whose pattern matched something that is no number

    def own_reader(self, source: str) -> Reader:
        """Of a file whose steps are known by its kind."""
        return Reader(source, completed=self.completed, asked=self.selection.asks_for)

    def reader(self, source: str) -> Reader:
        """Of a file that the recipe names."""
        step = self.rules.step or "step"
        return Reader(source, completed=self.completed, step=step, asked=self.selection.asks_for)

    def others_with(self, path: Path) -> list[str]:
        """The runs that may have written to this file too."""
        real = os.path.realpath(path)
        return [run_id for run_id, files in self.others.items() if files is None or real in files]

    def heard(self, reader: Reader, name: str) -> None:
        """Take over what a reader has to say, and that this was looked in."""
        self.problems += [*reader.problems(), *reader.worker_says]
        self.notes += reader.notes
        if reader.settings and not self.rules.keys:
            count, tables = sum(reader.settings.values()), list(reader.settings)
            self.notes.append(
                f"{name}: {counted(count, 'number')} of {', '.join(tables[:NAMED])}{and_more(len(tables), NAMED)} taken"
                ' for settings and not for metrics; [metrics] keys = ["*"] takes them, too'
            )
        self.said_of.update(problem.partition(":")[0] for problem in reader.worker_says)
        self.looked_in += [name] if name else []
        for metric, text in reader.texts.items():
            self.texts.setdefault(metric, f"{text} in {name}" if " in " not in text else f"{text} of {name}")
