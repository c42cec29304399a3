"""`gitexp plot`: the curves of a metric, in the terminal or as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gitexp.cli.choice import Choice, choosing_options, chosen_rows
from gitexp.cli.opened import Opened, opened_here
from gitexp.cli.page import place, show, write, write_file, write_json
from gitexp.cli.render import Screen, can_show, cut, safe
from gitexp.cli.running import folder_of, running_as
from gitexp.cli.settingcolumns import settings_of
from gitexp.cli.table import completing
from gitexp.curves.growing import Growing
from gitexp.curves.lines import AXES, Plot, Subject, plot
from gitexp.curves.recorded import read_histories
from gitexp.curves.series import RunHistory
from gitexp.errors import GitexpError, and_more
from gitexp.history.choosing import without_repeats
from gitexp.history.row import Row
from gitexp.history.select import SHOWN, UnknownRun, no_metric
from gitexp.stages.inprogress import InProgress
from gitexp.text.schema import near

NEWEST = 8  # runs, where none is named
MOST_LINES = 50
MOST_RUNS = 1000  # of groups, or as points


@click.command("plot")
@click.argument("metric", shell_complete=completing("metric"))
@choosing_options
@click.option("--x", default="step", metavar="KEY", help="step, time, epoch; or a setting or metric: each run a point.")
@click.option("--group", is_flag=True, help="One line for runs that differ in their seed alone: mean and sd.")
@click.option("--smooth", type=click.FloatRange(0, 1, max_open=True), default=0.0, help="0 to 1, as in TensorBoard.")
@click.option("--log", "log_y", is_flag=True, help="A logarithmic axis for the metric.")
@click.option("--log-x", is_flag=True, help="A logarithmic axis for what is on x.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write .svg, .png or .pdf.")
@click.option("--json", "as_json", is_flag=True, help="Print the points as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the points as CSV.")
def command(
    metric: str,
    choice: Choice,
    x: str,
    group: bool,
    smooth: float,
    log_y: bool,
    log_x: bool,
    output: Path | None,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Plot a metric over the steps of runs, also of a running one; without RUN, of the newest 8 that have it.

    With --x KEY each run is a point: its summary value of METRIC over a setting or another metric, of all runs.

    \b
    gitexp plot val.loss latest latest~1 --log
    gitexp plot val.acc --x optimizer.lr --log-x
    gitexp plot val.acc --group -o acc.svg
    """
    with opened_here() as here:
        subjects, notes = _subjects(here, metric, choice, x, grouped=group)
        found = plot(metric, subjects, x=x, grouped=group, weight=smooth, log_x=log_x, log_y=log_y)
        notes += found.notes
        if not found.lines:
            raise _nothing(metric, x, subjects, notes)
        if output is not None:
            from gitexp.curves.figure import kind_of, picture

            kind = kind_of(place(output, usual="plot.svg", option="-o"))
            write_file(output, picture(_safe(found), kind), repo=here.repo)
        elif as_json:
            write_json(**found._replace(notes=notes)._asdict())
        elif as_csv:
            write(_csv(found))
        else:
            page = _safe(found)
            show(lambda on: _page(page, notes, on), repo=here.repo)
            return 0
        for note in notes:
            click.echo(f"note: {safe(note)}", err=True)
    return 0


def _page(page: Plot, notes: Sequence[str], on: Screen) -> str:
    from gitexp.curves.terminal import drawn

    width = on.width or 80
    height = max(6, min(24, width // 4, (on.height or 40) - len(page.lines) - len(notes) - 5))
    page = page._replace(lines=[line._replace(name=cut(line.name, max(width - 16, 20))) for line in page.lines])
    text = drawn(page, width=width, height=height, colour=on.colour, paint=on.paint, plain=not can_show("⠿┤"))
    return text + "".join(f"{on.paint(safe(note), 'dim')}\n" for note in notes)


def _safe(found: Plot) -> Plot:
    lines = [line._replace(name=safe(line.name)) for line in found.lines]
    return found._replace(metric=safe(found.metric), x=safe(found.x), lines=lines)


def _csv(found: Plot) -> str:
    from gitexp.cli.shapes import csv_lines

    rows: list[Sequence[object]] = [["line", "runs", "x", "y", "n", "sd", "low", "high"]]
    for line in found.lines:
        runs = " ".join(line.runs)
        if line.band and found.joined:
            for one in line.band:
                rows.append([line.name, runs, one.x, one.mean, one.n, one.sd, one.low, one.high])
        else:
            for at, (x, y) in enumerate(line.points):
                rows.append([line.name, runs if found.joined else line.runs[at], x, y, 1, "", y, y])
    return csv_lines(rows)


def _subjects(here: Opened, metric: str, choice: Choice, x: str, *, grouped: bool) -> tuple[list[Subject], list[str]]:
    """The runs that are meant, with their histories where those are asked for, and what there is to say of them."""
    rows, going = _chosen(here, choice)
    notes = [f"{run.id[:SHOWN]} is {run.state}: as far as it is" for run in going]
    most = MOST_RUNS if grouped or x not in AXES else NEWEST if choice.everything else MOST_LINES
    if grouped:
        rows, again = without_repeats(rows)
        notes += again
    having = [row for row in rows if metric in row.metrics]
    if choice.everything:
        rows = having or rows
    if len(rows) > most:
        notes.append(f"the newest {most} of {len(rows)} runs")
        rows = sorted(rows, key=lambda row: row.order, reverse=True)[:most]
    lost = [f"{_name(row)} ({row.status})" for row in rows if row.status != "completed" and metric in row.metrics]
    if lost:  # a mean is of them, too: the curve is there
        notes.append(f"did not complete: {', '.join(lost[:5])}{and_more(len(lost), 5)}")
    nothing = (RunHistory() for _ in rows)
    histories = read_histories(here.reader, [row.commit for row in rows], wanted={metric}) if x in AXES else nothing
    found = [
        Subject(row.id, _name(row), {"recipe": row.recipe, **settings_of(row)}, row.metrics, row.alike, history)
        for row, history in zip(rows, histories, strict=True)
    ]
    return found + [_running(here, run.id) for run in going], notes


def _chosen(here: Opened, choice: Choice) -> tuple[list[Row], list[InProgress]]:
    """Recorded runs, and those in progress that are named."""
    going = list[InProgress]()
    while True:
        try:
            return (chosen_rows(here, choice) if choice.words or not going else []), going
        except UnknownRun as error:
            run = running_as(error.typed, repo=here.repo) if error.typed else None
            if run is None:
                raise
            going.append(run)
            choice = choice._replace(words=tuple(word for word in choice.words if word != error.typed))


def _name(row: Row) -> str:
    return row.id[:SHOWN] + (f"/{row.attempt}" if row.attempt > 1 else "")


def _running(here: Opened, run_id: str) -> Subject:
    history = Growing(folder_of(run_id, repo=here.repo)).read()
    last = {name: known[-1] for name in history.columns if (known := history.series(name).values)}
    return Subject(run_id, run_id[:SHOWN], {}, last, "", history)


def _nothing(metric: str, x: str, subjects: Sequence[Subject], notes: Sequence[str]) -> GitexpError:
    names = dict.fromkeys(name for one in subjects for name in (*one.metrics, *one.history.columns))
    if metric not in names:
        return no_metric("None of these runs", metric, names)
    if x not in AXES:
        keys = dict.fromkeys(key for one in subjects for key in (*one.settings, *one.metrics))
        if x not in keys:
            return GitexpError(f"No run has a setting or a metric {x!r}{near(x, [*AXES, *keys])}")
    return GitexpError(f"There is nothing of {metric!r} to draw over {x}", details=list(notes)[:5])
