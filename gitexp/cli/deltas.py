"""How metrics moved, in words and cells: which a page has room for, by how much, and whether toward the goal."""

from __future__ import annotations

from collections.abc import Sequence

from gitexp.cli.pageparts import LISTED, rest_of
from gitexp.cli.render import Cell, Column, Screen, number, safe, table
from gitexp.history.compare import MetricChange, same_number
from gitexp.record.metricnames import is_share

CLOCKS = 10  # that are shown


def metrics_shown(changes: Sequence[MetricChange]) -> tuple[list[MetricChange], str]:
    """The metrics that a page has room for, and lines that count the others, such as slices that are the same.

    No clocks: see `clocks`.
    """
    changes = [c for c in changes if not c.clock]
    slices = [c for c in changes if "[" in c.name]
    if len(slices) == len(changes):
        slices = []  # there is nothing else to show
    same = {c.name for c in slices if same_number(c.a, c.b)}
    alone = {c.name for c in slices if c.name not in same and (c.a is None or c.b is None)}
    worth = [c for c in changes if c.name not in same and c.name not in alone]
    lines = f"  {_slices(len(same))} the same on both sides\n" if same else ""
    lines += f"  {_slices(len(alone))} on one side only\n" if alone else ""
    return worth[:LISTED], lines + rest_of(len(worth) - LISTED)


def clocks(changes: Sequence[MetricChange], *, on: Screen) -> str:
    """Times and throughputs, in which runs differ whatever they do. `changes` have the side that is told first as a."""
    rows = [[Cell(safe(c.name)), Cell(number(c.a)), Cell(number(c.b))] for c in changes if c.clock]
    if not rows:
        return ""
    columns = [Column(""), Column("", right=True), Column("", right=True)]
    head = on.paint("  clocks: not compared", "dim") + "\n"
    return head + table(columns, rows[:CLOCKS], on=on, indent="    ") + rest_of(len(rows) - CLOCKS, indent="    ")


def _slices(count: int) -> str:
    return f"{count} slice{'s are' if count > 1 else ' is'}"


def delta_cells(change: MetricChange) -> list[Cell]:
    """Δ, percent and the direction of a metric."""
    style = {True: "green", False: "red", None: ""}[change.toward_goal]
    if change.delta is None:
        return [Cell(""), Cell(""), Cell("")]
    if change.delta == 0:
        return [Cell("="), Cell(""), Cell("same", "dim")]
    word = {True: "toward goal", False: "against goal", None: ""}[change.toward_goal]
    return [Cell(by_how_much(change.delta, share=False), style), Cell(percent(change), style), Cell(word, style)]


def percent(change: MetricChange) -> str:
    """The change in percent of its beginning; empty where that says nothing."""
    share = change.percent
    return "" if share is None or abs(share) >= 1e6 else f"{share:+.2g}" if abs(share) < 0.1 else f"{share:+.1f}"


def moved(change: MetricChange) -> str:
    """By how much: of a share in points, of others in percent where that says something, else as a number."""
    if change.delta is None:
        return ""
    share = is_share(change.name, (change.a, change.b))
    parts = "" if share else percent(change)
    return f"{parts} %" if parts else by_how_much(change.delta, share=share)


def by_how_much(delta: float | int, *, share: bool) -> str:
    """A difference with its sign, in points or as it is: `+1.2 points`, `-0.03`."""
    return f"{delta * 100:+.3g} points" if share else f"{'+' if delta > 0 else ''}{number(delta)}"
