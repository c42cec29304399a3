"""Turn rows into the table of `gitexp log`. What does not fit goes, the least important first, rather than wrap."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from gitexp.cli.changewords import changes_in_words
from gitexp.cli.opened import Opened
from gitexp.cli.pageparts import STATUS_STYLE, curve
from gitexp.cli.render import (
    VALUE_LIMIT,
    Cell,
    Column,
    Screen,
    ago,
    cut,
    number,
    safe,
    stamp,
    table,
    text_width,
)
from gitexp.cli.settingcolumns import setting_column, shared_line, varying, varying_within
from gitexp.errors import GitexpError
from gitexp.history.cache import Condition
from gitexp.history.compare import goals_in_order
from gitexp.history.differing import short_names
from gitexp.history.listing import Runs
from gitexp.history.read import INPUTS, Run, read_run
from gitexp.history.reproduced import reproduced
from gitexp.history.row import Row
from gitexp.history.said import NOT_RETRACTED, NOTHING_SAID, Said, said_of
from gitexp.history.select import SHOWN
from gitexp.history.where import metric_value
from gitexp.record.identity import PASSES, RUN_ID_LENGTH
from gitexp.record.metrics import foremost, goal_of

CHANGED_LEAST, RECIPE_LEAST, AUTHOR_LEAST, STATUS_LEAST, SAID_LEAST = 18, 10, 8, 9, 12
ROOM = {"changed": 36, "message": 24, "said": 24}  # what a wide terminal keeps for them before further metrics
FIRST_METRICS = 3
PLAIN_METRICS = 24  # columns of metrics where there is no terminal; JSON and CSV have all of them
NARROW, WIDE = 100, 120  # columns of a terminal from which on authors and whole keys, and messages are shown
# What gives way to the first metric and those with a goal, and the names that a setting's column cannot have.
LESS_THAN_METRICS = ("author", "when", "changed", "said", "verdict")
TAKEN = ("run", "when", "where", "author", "status", "verdict", "recipe", "changed", "said", "message")
CURVE, MOST_CURVES = 12, 60  # columns of a metric's course; runs of which it is read
Filled = tuple[Column, list[Cell]]  # with a cell for each row


def run_table(
    here: Opened,
    rows: Listed,
    chosen: Sequence[Row],
    held: Mapping[str, Sequence[str]] = {},
    *,
    sort: str | None = None,
    on: Screen,
    now: float,
) -> str:
    """A line for each chosen row. `rows` are all that were asked for: the best are looked for among them.

    `held`: which remotes have a commit (an empty name: this clone), a column where that is not the same for all.

    The settings in which runs of one recipe differ are columns; what all share stands above where there is one recipe.
    """
    said = said_of(here.history.seen, [row.id for row in chosen])
    out = {one for one, those in said.items() if those.retracted}
    runs = {row.commit: run for row in chosen if (run := _readable(here, row)) is not None}
    goals = {row.commit: goals_in_order(here.config.goal, runs[row.commit]) for row in chosen if row.commit in runs}
    names = metric_names(chosen, goals, sort=sort)
    best = rows.best(_goals_by_recipe(chosen, goals), names=names)
    letters = rows.letters(chosen)
    plain, width = on.width is None, on.width or 0
    whole_keys = plain or width >= NARROW
    recipes = {row.recipe for row in chosen}
    alone = len(recipes) == 1 and len(chosen) > 1
    differ, shared = varying(chosen) if alone else (varying_within(chosen), {})
    author = (Column("author", least=AUTHOR_LEAST), [Cell(safe(row.author)) for row in chosen])
    where = [Cell(safe(", ".join(name or "here" for name in held[row.commit]))) for row in chosen if held]
    status = Column("status", least=0 if whole_keys else STATUS_LEAST)
    filled: list[Filled] = [
        (Column("run"), [Cell(_id(row, letters), "yellow" + " strike" * (row.id in out)) for row in chosen]),
        (Column("when"), [Cell(stamp(row.finished) if plain else ago(row.finished, now=now), "dim") for row in chosen]),
        *([(Column("where"), where)] if len({cell.text for cell in where}) > 1 else []),
        *([author] if whole_keys else []),
        (status, [Cell(_status(row, out), STATUS_STYLE.get(row.status, "")) for row in chosen]),
        *_reproduced(here, chosen),
    ]
    if plain or not alone:
        filled.append((Column("recipe", least=RECIPE_LEAST), [Cell(safe(row.recipe) or "-", "bold") for row in chosen]))
    titles = short_names(differ, taken=[*TAKEN, *names])
    settings = [setting_column(chosen, key, name, whole=plain) for key, name in titles.items()]
    changed = [_changed(here, row, runs, whole_keys=whole_keys) for row in chosen]
    less: list[Filled] = [(Column("changed", least=CHANGED_LEAST), changed), *_said(chosen, said)]
    lines = [[_metric_cell(row, name, best, out) for name in names] for row in chosen]  # each row's are parsed once
    metrics = [(Column(safe(name), right=True), [line[at] for line in lines]) for at, name in enumerate(names)]
    stated = {safe(name) for goal in goals.values() for name in goal}
    more = [name for name in LESS_THAN_METRICS if name != "verdict"]
    bare = [one for one in filled if one[0].name not in more] if alone else [*filled, *less]
    filled = [*_with_settings(filled, settings, metrics[:1], bare=bare, on=on), *less]
    message = [(Column("message", least=12), [Cell(safe(row.message or "-"), "dim") for row in chosen])]
    if not (plain or width >= WIDE) or not any(row.message for row in chosen):
        message = []
    filled, message = _with_metrics(filled, metrics, message, stated=stated, on=on)
    head = shared_line(shared, recipe=next(iter(recipes)) or None, on=on) if alone and not plain else ""
    if not plain and width >= WIDE and names and len(chosen) <= MOST_CURVES:
        filled = _with_curves(here, filled, chosen, (names[0], metrics[0]), message, on=on)
    columns, cells = zip(*filled, *message, strict=True)
    return head + table(columns, list(zip(*cells, strict=True)), on=on)


def _with_settings(
    filled: list[Filled], settings: Sequence[Filled], metric: Sequence[Filled], *, bare: Sequence[Filled], on: Screen
) -> list[Filled]:
    """As many settings as fit beside the first metric and `bare`; what says less gives way to them."""
    taken: list[Filled] = []
    for one in settings[:PLAIN_METRICS]:
        if not fits([*bare, *taken, one, *metric], on=on):
            break
        taken.append(one)
    while not fits([*filled, *taken, *metric], on=on):
        gone = next((name for name in LESS_THAN_METRICS if any(one[0].name == name for one in filled)), None)
        if gone is None:
            break
        filled = [one for one in filled if one[0].name != gone]
    return [*filled, *taken]


def _with_metrics(
    filled: list[Filled], metrics: Sequence[Filled], message: list[Filled], *, stated: Collection[str], on: Screen
) -> tuple[list[Filled], list[Filled]]:
    """As many metrics as fit: the first and those with a goal before other columns and the message, the rest behind."""
    for count, metric in enumerate(metrics[:PLAIN_METRICS] if on.width is None else metrics):
        kept = [*filled, metric, *message]
        if count >= FIRST_METRICS and (on.width or NARROW) >= NARROW:
            kept = [(column._replace(least=ROOM.get(column.name, column.least)), cells) for column, cells in kept]
        if not fits(kept, on=on):
            if count > 0 and metric[0].name not in stated:
                break
            message = []
            shorter = _with_room(filled, metric, on=on)
            if shorter is None:
                break
            filled = shorter
        filled = [*filled, metric]
    return filled, message


def _with_curves(
    here: Opened,
    filled: list[Filled],
    chosen: Sequence[Row],
    first: tuple[str, Filled],
    message: list[Filled],
    *,
    on: Screen,
) -> list[Filled]:
    """The same with the course of the first metric behind it, where that fits: of up to 2.5 ms a run."""
    name, column = first
    at = next((at for at, one in enumerate(filled) if one is column), None)
    if at is None or not fits([*filled, *message, (Column(""), [Cell("-" * CURVE)])], on=on):
        return filled
    from gitexp.curves.recorded import read_histories

    histories = read_histories(here.reader, [row.commit for row in chosen], wanted={name})
    values = [history.series(name).values for history in histories]
    cells = [Cell(curve(one, CURVE) if len(one) > 2 else "", "green") for one in values]
    return [*filled[: at + 1], (Column(""), cells), *filled[at + 1 :]] if any(one.text for one in cells) else filled


def _reproduced(here: Opened, chosen: Sequence[Row]) -> list[Filled]:
    """How often each was reproduced, of how many reruns with a verdict, and the grades of reruns, where any has one."""
    found = reproduced(here.history.seen, chosen)
    if not found and not any(row.grade for row in chosen):
        return []
    cells = []
    for row in chosen:
        times = found.get(row.commit)
        how_often = f"{times.passed}×" if times and times.passed == times.tried else ""
        how_often = how_often or (f"{times.passed} of {times.tried}×" if times else "")
        passes = times.passed > 0 if times else row.grade in PASSES
        text = ", ".join(filter(None, [row.grade, how_often]))
        cells.append(Cell(text or "-", "green" if passes else "red" if text else "dim"))
    return [(Column("verdict"), cells)]


def _status(row: Row, out: Collection[str]) -> str:
    return safe(row.status) + " (smoke)" * (row.kind == "smoke") + " (retracted)" * (row.id in out)


def _said(chosen: Sequence[Row], said: Mapping[str, Said]) -> list[Filled]:
    """What people said of these runs since, as a column, where there is any."""
    those = [said.get(row.id, NOTHING_SAID) for row in chosen]
    cells = [Cell(safe(one.words[:VALUE_LIMIT]) or "-", "red" if one.retracted else "dim") for one in those]
    return [(Column("said", least=SAID_LEAST), cells)] if any(one.words for one in those) else []


def _with_room(filled: list[Filled], metric: Filled, *, on: Screen) -> list[Filled] | None:
    """Without what says less than a metric that matters, so that it fits; None where even that is not enough."""
    for name in LESS_THAN_METRICS:
        filled = [one for one in filled if one[0].name != name]
        if fits([*filled, metric], on=on):
            return filled
    return None


def fits(filled: Sequence[Filled], *, on: Screen) -> bool:
    """Whether the columns fit when those that may be cut are cut to their least."""
    if on.width is None:
        return True
    total = 2 * (len(filled) - 1)
    for column, cells in filled:
        widest = max([text_width(column.name), *(text_width(cell.text) for cell in cells)])
        total += min(widest, column.least) if column.least else widest
    return total <= on.width


def without_room(columns: Sequence[Filled], less: Sequence[str], *, on: Screen) -> list[Filled]:
    """Columns that a screen has room for: of those in `less`, one after the other goes until it has."""
    found = [*columns]
    for name in less:
        if not fits(found, on=on):
            found = [one for one in found if one[0].name != name]
    return found


def _readable(here: Opened, row: Row) -> Run | None:
    if row.problem is not None:
        return None
    try:
        return read_run(here.reader, row.commit, parts=INPUTS)
    except GitexpError:
        return None


def _id(row: Row, letters: int) -> str:
    short = row.id[:letters] if row.problem is None or row.id != "?" else row.commit[:SHOWN]
    return f"{short}/{row.attempt}" if row.attempt > 1 else short


class Listed:
    """All the runs that were asked for, of which some are shown. Nothing of them is loaded but what is needed."""

    def __init__(self, runs: Runs, wanted: Condition) -> None:
        self._runs, self._wanted = runs, wanted

    def best(
        self, goals: Mapping[str, Mapping[str, str]], *, names: Sequence[str]
    ) -> dict[tuple[str, str, str], float | int]:
        """The best value of each recipe's metrics that have a goal, among completed runs; none without a choice.

        Only runs with the same held-out rows are compared: the keys are recipe, those rows, metric.
        """
        found = {}
        for name in names:
            wanted = {recipe: goal for recipe, stated in goals.items() if (goal := goal_of(name, stated))}
            if not wanted:
                continue
            asked = metric_value(name)
            counts = Condition("r.status = 'completed' AND r.kind != 'smoke'") & NOT_RETRACTED & self._wanted
            # With a limit, SQLite takes the value out once and not for each of the four that need it.
            values = f"SELECT r.recipe, r.held_out, {asked.sql} AS v FROM runs AS r WHERE {counts.sql} LIMIT -1"
            figures = "SELECT recipe, held_out, min(v), max(v), count(*)"
            numbers = f"{figures} FROM ({values}) WHERE typeof(v) IN ('integer', 'real') GROUP BY recipe, held_out"
            for recipe, held_out, least, most, count in self._runs.ask(numbers, (*asked.values, *counts.values)):
                if recipe in wanted and count > 1:
                    found[recipe, held_out, name] = most if wanted[recipe] == "max" else least
        return found

    def letters(self, chosen: Sequence[Row]) -> int:
        """How many letters tell the chosen runs from all others."""
        near = [other for row in chosen for other in self._runs.with_id(row.id[:SHOWN])]
        return id_letters(near, chosen)


def id_letters(rows: Sequence[Row], chosen: Sequence[Row]) -> int:
    """How many letters tell the chosen runs from all listed ones; at least eight."""
    letters = SHOWN
    ids = sorted({row.id for row in rows})
    wanted = {row.id for row in chosen}
    for one, other in pairwise(ids):
        while letters < RUN_ID_LENGTH and one[:letters] == other[:letters] and (one in wanted or other in wanted):
            letters += 1
    return letters


def metric_names(
    chosen: Sequence[Row], goals: Mapping[str, Mapping[str, str]], *, sort: str | None = None
) -> list[str]:
    """The metrics worth a column: what is sorted by, those with a goal in their recipe's order, then the most common.

    Slices (`val.acc[digit=3]`) and learning rates are left out unless one has a goal of its own, is sorted by, or there
    is nothing else.
    """
    counts: dict[str, int] = {}
    for row in chosen:
        for name in row.metrics:
            counts[name] = counts.get(name, 0) + 1
    places: dict[str, int] = {}
    for stated in goals.values():
        for place, name in enumerate(stated):
            places[name] = min(place, places.get(name, place))
    order = {name: place for place, name in enumerate(counts)}
    none = len(places)
    ranked = sorted(counts, key=lambda n: (n != sort, places.get(n, none), "[" in n, -counts[n], order[n]))
    return foremost(ranked, [n for n in ranked if n in places or n == sort])


def _goals_by_recipe(chosen: Sequence[Row], goals: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for row in chosen:  # newest first: what a recipe said last is what holds
        if row.commit in goals:
            found.setdefault(row.recipe, goals[row.commit])
    return found


def _metric_cell(row: Row, name: str, best: Mapping[tuple[str, str, str], float | int], out: Collection[str]) -> Cell:
    found = row.metrics.get(name)
    counts = row.status == "completed" and row.kind != "smoke" and row.id not in out
    is_best = found is not None and counts and best.get((row.recipe, row.held_out, name)) == found
    # The mark's place is kept free in all other cells, so that digits stand below digits.
    return Cell(
        f"{number(found)}*" if is_best else f"{number(found)} ", "bold green" if is_best else "strike" * (row.id in out)
    )


def _changed(here: Opened, row: Row, runs: Mapping[str, Run], *, whole_keys: bool) -> Cell:
    run = runs.get(row.commit)
    if run is None or run.record is None:
        return Cell(cut(safe(row.problem or "cannot be read"), 120), "red")
    marks = [] if run.record.code.clean else ["dirty"]
    marks += ["edited"] if run.record.code.edited_count else []
    marks += [f"{row.defects} defect{'s' if row.defects > 1 else ''}"] if row.defects else []
    if run.record.imported:  # of what went in, too little is known to be compared
        return Cell(", ".join([*marks, f"imported from {safe(run.record.imported.tool[:40])}"]), "dim")
    before = here.history.seen.previous_of(row)
    original, style = row.reproduces or row.mixes, "yellow" if marks else "dim"
    marks += [f"{'rerun' if row.reproduces else 'mixture'} of {safe(original[:SHOWN])}"] if original else []
    if before is None:
        return Cell(", ".join([*marks, "which is not here" if original else "first"]), style)
    try:
        changes = changes_in_words(
            runs.get(before.commit) or read_run(here.reader, before.commit, parts=INPUTS),
            run,
            whole_keys=whole_keys,
        )
    except GitexpError:
        changes = ["?"]
    return Cell(", ".join([*marks, *(changes or ["same inputs"])]), "" if changes and style == "dim" else style)
