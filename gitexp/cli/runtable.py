"""Turn rows into the table of `gitexp log`. What does not fit goes, the least important first, rather than wrap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from gitexp.cli.opened import Opened
from gitexp.cli.render import Cell, Column, Screen, ago, cut, duration, number, safe, stamp, table, text_width, value
from gitexp.errors import GitexpError
from gitexp.history.cache import Row
from gitexp.history.read import Run, read_run
from gitexp.history.select import SHOWN
from gitexp.stages.compare import data_states, recipe_changes

STATUS_STYLE = {
    "completed": "green", "failed": "red", "crashed": "red", "interrupted": "yellow", "timed-out": "yellow",
    "unreadable": "red",
}  # fmt: skip
CHANGED_LEAST, RECIPE_LEAST, AUTHOR_LEAST, STATUS_LEAST = 18, 10, 8, 9
NARROW = 100  # columns of a terminal below which authors and the tables of keys are left out
CHANGED_KEPT = 4  # changed keys that are named; further ones are counted


def run_table(here: Opened, rows: Sequence[Row], chosen: Sequence[Row], *, on: Screen, now: float) -> str:
    """A line for each chosen row. `rows` are all that were asked for: the best are looked for among them."""
    runs = {row.commit: run for row in chosen if (run := _readable(here, row)) is not None}
    goals = {row.commit: {**here.goals, **runs[row.commit].goals} for row in chosen if row.commit in runs}
    names = metric_names(chosen, goals)
    best = best_values(rows, _goals_by_recipe(chosen, goals))
    letters = id_letters(rows, chosen)
    plain, width = on.width is None, on.width or 0
    whole_keys = plain or width >= NARROW
    changed = {row.commit: _changed(here, row, runs.get(row.commit), whole_keys=whole_keys) for row in chosen}
    columns, cells = [], []

    def add(column: Column, filled: Sequence[Cell]) -> None:
        columns.append(column)
        cells.append(filled)

    add(Column("run"), [Cell(_id(row, letters), "yellow") for row in chosen])
    add(Column("when"), [Cell(stamp(row.finished) if plain else ago(row.finished, now=now), "dim") for row in chosen])
    if whole_keys:
        add(Column("author", least=AUTHOR_LEAST), [Cell(safe(row.author)) for row in chosen])
    add(
        Column("status", least=STATUS_LEAST),
        [Cell(safe(row.status), STATUS_STYLE.get(row.status, "")) for row in chosen],
    )
    add(Column("recipe", least=RECIPE_LEAST), [Cell(safe(row.recipe) or "-", "bold") for row in chosen])
    add(Column("changed", least=CHANGED_LEAST), [changed[row.commit] for row in chosen])
    for name in names:
        filled = [_metric_cell(row, name, best) for row in chosen]
        column = Column(safe(name), right=True)
        if not plain and not _fits([*columns, column], [*cells, filled], on=on):
            break
        add(column, filled)
    if (plain or width >= 120) and any(row.message for row in chosen):
        add(Column("message", least=12), [Cell(safe(row.message or "-"), "dim") for row in chosen])
    return table(columns, [list(line) for line in zip(*cells, strict=True)], on=on)


def _fits(columns: Sequence[Column], cells: Sequence[Sequence[Cell]], *, on: Screen) -> bool:
    """Whether the columns fit when those that may be cut are cut to their least."""
    total = 2 * (len(columns) - 1)
    for column, filled in zip(columns, cells, strict=True):
        widest = max([text_width(column.name), *(text_width(cell.text) for cell in filled)])
        total += min(widest, column.least) if column.least else widest
    return on.width is None or total <= on.width


def _readable(here: Opened, row: Row) -> Run | None:
    if row.problem is not None:
        return None
    try:
        return read_run(here.reader, row.commit)
    except GitexpError:
        return None


def _id(row: Row, letters: int) -> str:
    short = row.id[:letters] if row.problem is None or row.id != "?" else row.commit[:SHOWN]
    return f"{short}/{row.attempt}" if row.attempt > 1 else short


def id_letters(rows: Sequence[Row], chosen: Sequence[Row]) -> int:
    """How many letters tell the chosen runs from all listed ones; at least eight."""
    letters = SHOWN
    ids = sorted({row.id for row in rows})
    wanted = {row.id for row in chosen}
    for one, other in pairwise(ids):
        while letters < 16 and one[:letters] == other[:letters] and (one in wanted or other in wanted):
            letters += 1
    return letters


def metric_names(chosen: Sequence[Row], goals: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The metrics of the rows: those with a goal first, then by how many rows have them. Slices come last."""
    counts: dict[str, int] = {}
    for row in chosen:
        for name in row.metrics:
            counts[name] = counts.get(name, 0) + 1
    wanted = {name for stated in goals.values() for name in stated}
    order = list(counts)
    return sorted(order, key=lambda name: (name not in wanted, "[" in name, -counts[name], order.index(name)))


def _goals_by_recipe(chosen: Sequence[Row], goals: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for row in chosen:  # newest first: what a recipe said last is what holds
        if row.commit in goals:
            found.setdefault(row.recipe, goals[row.commit])
    return found


def best_values(rows: Sequence[Row], goals: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, str], float | int]:
    """The best value of each recipe's metrics that have a goal, among completed runs; none where there is no choice."""
    found: dict[tuple[str, str], list[float | int]] = {}
    for row in rows:
        if row.status == "completed" and row.kind != "smoke":
            for name in goals.get(row.recipe, ()):
                number_ = row.metrics.get(name)
                if number_ is not None and number_ == number_:
                    found.setdefault((row.recipe, name), []).append(number_)
    return {
        (recipe, name): (max if goals[recipe][name] == "max" else min)(values)
        for (recipe, name), values in found.items()
        if len(values) > 1
    }


def _metric_cell(row: Row, name: str, best: Mapping[tuple[str, str], float | int]) -> Cell:
    found = row.metrics.get(name)
    is_best = found is not None and row.status == "completed" and best.get((row.recipe, name)) == found
    # The mark's place is kept free in all other cells, so that digits stand below digits.
    return Cell(f"{number(found)}*" if is_best else f"{number(found)} ", "bold green" if is_best else "")


def _changed(here: Opened, row: Row, run: Run | None, *, whole_keys: bool) -> Cell:
    if row.problem is not None or run is None:
        return Cell(safe(row.problem or "cannot be read"), "red")
    marks = [] if row.clean else ["dirty"]
    marks += [f"{row.defects} defect{'s' if row.defects > 1 else ''}"] if row.defects else []
    before = here.history.runs.previous_of(row)
    if before is None:
        return Cell(", ".join([*marks, "first"]), "yellow" if marks else "dim")
    try:
        changes = changes_in_words(read_run(here.reader, before.commit), run, whole_keys=whole_keys)
    except GitexpError:
        changes = ["?"]
    return Cell(", ".join([*marks, *(changes or ["same inputs"])]), "yellow" if marks else "" if changes else "dim")


def changes_in_words(before: Run, run: Run, *, whole_keys: bool) -> list[str]:
    """`optimizer.lr 0.01→0.02`, `code`, `data digits`: the inputs that differ; else only `lr 0.01→0.02`."""
    keys = [c for c in recipe_changes(before, run) if not c.key.startswith("data.")]
    words = [
        f"{safe(c.key if whole_keys else c.key.rpartition('.')[2])} {_brief(c.a)}→{_brief(c.b)}"
        for c in keys[:CHANGED_KEPT]
    ]
    if len(keys) > CHANGED_KEPT:
        words.append(f"{len(keys) - CHANGED_KEPT} more keys")
    if before.code != run.code:
        words.append("code")
    different = [name for name, state in data_states(before, run).items() if state != "identical"]
    return words + [f"data {safe(name)}" for name in different]


def _brief(thing: object) -> str:
    return "none" if thing is None else cut(value(thing), 16)


def summarise_recipes(rows: Sequence[Row]) -> dict[str, dict[str, float | int]]:
    """Figures by recipe, the one with the newest run first. Compute time is in seconds, of the runs that state it."""
    figures: dict[str, dict[str, float | int]] = {}
    for row in rows:
        if row.problem is not None:
            continue
        here = figures.setdefault(row.recipe, {"runs": 0, "completed": 0, "failed": 0, "interrupted": 0})
        here["runs"] += 1
        kind = row.status if row.status in ("completed", "interrupted") else "failed"
        here[kind] += 1
        here["compute_s"] = here.get("compute_s", 0.0) + (row.duration_s or 0.0)
        here["newest"] = max(here.get("newest", row.finished), row.finished)
    for here in figures.values():
        here["failure_rate"] = here["failed"] / here["runs"]
    return figures


def summary_table(rows: Sequence[Row], *, on: Screen, now: float) -> str:
    """A line for each recipe, and one for all of them."""
    figures = summarise_recipes(rows)
    columns = [Column("recipe", least=RECIPE_LEAST)]
    columns += [
        Column(name, right=True) for name in ("runs", "completed", "failed", "interrupted", "failure rate", "compute")
    ]
    columns.append(Column("newest"))
    lines = []
    for name, one in figures.items():
        newest = stamp(one["newest"]) if on.width is None else ago(one["newest"], now=now)
        lines.append([Cell(safe(name) or "-", "bold"), *_figures(one), Cell(newest, "dim")])
    if len(figures) > 1:
        total = {
            key: sum(one[key] for one in figures.values())
            for key in ("runs", "completed", "failed", "interrupted", "compute_s")
        }
        lines.append([Cell("all"), *_figures({**total, "failure_rate": total["failed"] / total["runs"]}), Cell("")])
    return table(columns, lines, on=on)


def _figures(one: Mapping[str, float | int]) -> list[Cell]:
    failed = one["failed"] > 0
    return [
        Cell(str(one["runs"])),
        Cell(str(one["completed"])),
        Cell(str(one["failed"]), "red" if failed else ""),
        Cell(str(one["interrupted"])),
        Cell(f"{one['failure_rate'] * 100:.0f} %", "red" if failed else ""),
        Cell(duration(one["compute_s"])),
    ]
