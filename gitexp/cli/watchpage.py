"""The page of `gitexp watch`: runs in progress with their metrics as curves, and the runs recorded last below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gitexp.cli.pageparts import curve, status_cell
from gitexp.cli.render import Cell, Column, Screen, ago, cut, duration, number, safe, size, table
from gitexp.cli.running import STATE_STYLE
from gitexp.errors import counted
from gitexp.history.row import Row
from gitexp.history.select import SHOWN
from gitexp.record.metrics import foremost
from gitexp.record.usage import Used
from gitexp.stages.inprogress import InProgress

MOST_METRICS = 6  # of one run
MOST_LINE = 60  # columns of a curve
NAME_WIDTH = 24


class Going(NamedTuple):
    """A run in progress, and what it uses by now."""

    run: InProgress
    used: Used | None


def watch_page(running: Sequence[Going], recorded: Sequence[Row], *, on: Screen, now: float) -> str:
    """The whole page, at most as high as the screen: metrics give way first, then recorded runs."""
    room = (on.height or 1000) - 4 - 2 * len(running)  # headings, the line of a run and what it uses
    finished = list(recorded)[: max(3, room // 3)]
    each = max(1, (room - len(finished) - 1) // len(running)) if running else 0
    many = f"{counted(len(running), 'run is', 'runs are')} in progress" if running else "nothing is running"
    text = on.paint(many, "bold") + "\n"
    for one in running:
        text += _run(one, most=min(each, MOST_METRICS), on=on, now=now)
    if finished:
        text += "\n" + on.paint("recorded last", "bold") + "\n" + _recorded(finished, on=on, now=now)
    if on.width is None or on.height is None:
        return text
    return "\n".join(text.split("\n")[: on.height - 1]).rstrip("\n") + "\n"


def _run(one: Going, *, most: int, on: Screen, now: float) -> str:
    run = one.run
    until = now if run.state == "running" else run.last_sign
    took = duration(until - run.started) if run.started is not None and until is not None else "-"
    cells = [
        Cell(run.id[:SHOWN], "yellow"),
        Cell(run.state, STATE_STYLE[run.state]),
        Cell(took),
        Cell(safe(run.recipe), "bold"),
        Cell("" if run.step is None else f"step {run.step}"),
        Cell(safe(run.host or ""), "dim"),
    ]
    columns = [Column(""), Column(""), Column("", right=True), Column("", least=8), Column(""), Column("", least=4)]
    text = table(columns, [cells], on=on)
    if one.used is not None and (words := _in_short(one.used)):
        text += on.paint(f"  {cut(words, on.width - 2) if on.width else words}", "dim") + "\n"
    names = foremost(run.series, ())[:most]
    width = min(MOST_LINE, on.width - NAME_WIDTH - 16) if on.width else MOST_LINE
    rows = []
    for name in names:
        values = run.series[name]
        shown = curve(values, width) if len(values) > 1 and width > 3 else ""
        rows.append([Cell(safe(name)), Cell(number(values[-1]), "bold"), Cell(shown, "green")])
    return text + table([Column("", least=8), Column("", True), Column("")], rows, on=on, indent="  ")


def _in_short(used: Used) -> str:
    words = [f"{used.cores:.2g} cores"] if used.cores is not None else []
    words += [f"{size(used.memory_bytes)} at most"] if used.memory_bytes is not None else []
    words += [f"GPU {used.gpu_busy_percent:.0f} % busy"] if used.gpu_busy_percent is not None else []
    return " · ".join(words)


def _recorded(rows: Sequence[Row], *, on: Screen, now: float) -> str:
    lines = [
        [
            Cell(row.id[:SHOWN], "yellow"),
            status_cell(row.status),
            Cell(ago(row.finished, now=now), "dim"),
            Cell(duration(row.duration_s)),
            Cell(safe(row.recipe), "bold"),
            Cell(" · ".join(f"{safe(n)} {number(row.metrics[n])}" for n in foremost(row.metrics, ())[:MOST_METRICS])),
        ]
        for row in rows
    ]
    columns = [Column(""), Column(""), Column(""), Column("", right=True), Column("", least=8), Column("", least=8)]
    return table(columns, lines, on=on)
