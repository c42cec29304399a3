"""What a contract found wrong: every violation counted, the first few of each rule and column kept."""

from __future__ import annotations

from typing import NamedTuple

from gitexp.text.schema import quote_key

SHOWN = 10


class Violation(NamedTuple):
    """One thing that is not as the contract says. None: it is about more than one file, row or column."""

    file: str | None  # relative to the dataset's folder
    row: int | None  # in the file, from 0, as gitexp.split() and numpy count; a header is none
    column: str | None
    rule: str  # file, header, fields, row, encoding, or the contract's key: dtype, min, values, shares, rows, …
    what: str
    line: int | None = None  # of a text file, from 1, as editors count
    more: int = 0  # of the same rule and column, not listed

    @property
    def text(self) -> str:
        """One line: `digits.csv:6: label: 12 is above 9 (row 4), and 17 more like this`."""
        words = [] if self.file is None else [self.file if self.line is None else f"{self.file}:{self.line}"]
        if self.column is not None:
            words.append(quote_key(self.column))
        row = "" if self.row is None else f" (row {self.row})"
        more = f", and {self.more:,} more like this" if self.more else ""
        words.append(f"{self.what}{row}{more}")
        return ": ".join(words)


class Report:
    """Collects violations. `found` counts those that are not kept, too."""

    def __init__(self) -> None:
        self.found = 0
        self._kept: list[Violation] = []
        self._of: dict[tuple[str, str | None], int] = {}

    def add(
        self,
        rule: str,
        what: str,
        *,
        file: str | None = None,
        row: int | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        """Note one."""
        if self.wants(rule, column):
            self._kept.append(Violation(file, row, column, rule, what, line))

    def wants(self, rule: str, column: str | None) -> bool:
        """Count one, and say whether it would be kept: words for a million others need not be found."""
        self.found += 1
        key = (rule, column)
        times = self._of.get(key, 0)
        self._of[key] = times + 1
        return times < SHOWN

    def keep(self, violation: Violation) -> None:
        """Keep one that was wanted."""
        self._kept.append(violation)

    def violations(self) -> tuple[Violation, ...]:
        """Those that are kept, as they were found; the last of a rule and column says how many more there are."""
        last = {(one.rule, one.column): at for at, one in enumerate(self._kept)}
        return tuple(
            one._replace(more=self._of[key] - min(self._of[key], SHOWN)) if last[key] == at else one
            for at, one in enumerate(self._kept)
            for key in [(one.rule, one.column)]
        )
