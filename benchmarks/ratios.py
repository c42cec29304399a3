"""Two commands timed in turn, divided, and compared with a budget: a row of the table."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from world import quiet

HEADING = f"{'work':<36}{'ours':>11}{'reference':>12}  {'ratio':<7}{'quartiles':<14}{'budget':<10}"


@dataclass(frozen=True)
class Row:
    """One measured ratio. `budget` is the largest that is within it (smallest, for a rate); None: there is none."""

    name: str
    reference: str
    ours_s: float
    reference_s: float
    low: float
    high: float
    budget: float | None
    at_least: bool = False

    @property
    def ratio(self) -> float:
        return self.ours_s / self.reference_s

    @property
    def within(self) -> bool:
        if self.budget is None:
            return True
        return self.ratio >= self.budget if self.at_least else self.ratio <= self.budget


def pair(
    name: str,
    reference: str,
    budget: float | None,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    *,
    rounds: int = 15,
) -> Row:
    """Time both in turn and compare. Each callable returns the seconds that it took."""
    ours(), theirs()
    times = [(ours(), theirs()) for _ in range(rounds)]
    mine, other = [a for a, _ in times], [b for _, b in times]
    quartiles = statistics.quantiles([a / b for a, b in times], n=4)
    return Row(name, reference, statistics.median(mine), statistics.median(other), quartiles[0], quartiles[2], budget)


def timed(*argv: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> Callable[[], float]:
    """A callable that runs a command, its output thrown away, and returns the seconds it took."""

    def go() -> float:
        return quiet(argv, cwd=cwd, env=env)

    return go


def text_of(row: Row) -> str:
    ours, theirs = (
        (f"{row.ours_s:,.0f}/s", f"{row.reference_s:,.0f}/s")
        if row.at_least
        else (
            f"{row.ours_s * 1e3:.1f} ms",
            f"{row.reference_s * 1e3:.1f} ms",
        )
    )
    budget = f"{'≥' if row.at_least else '≤'} {row.budget}×" if row.budget is not None else "none"
    spread = f"{row.low:.2f}–{row.high:.2f}"
    verdict = ("ok" if row.within else "OVER") if row.budget is not None else ""
    return f"{row.name:<36}{ours:>11}{theirs:>12}  {row.ratio:<7.2f}{spread:<14}{budget:<10}{verdict:<6}{row.reference}"
