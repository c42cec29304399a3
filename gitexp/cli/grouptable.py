"""Turn runs into groups, of replicates or by a key, and these into a table: n, mean ± sd and range of each metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from gitexp.cli.opened import Opened
from gitexp.cli.render import Cell, Column, Screen, number, safe, value
from gitexp.cli.runtable import Filled, fits, metric_names, without_room
from gitexp.cli.settingcolumns import setting_column, settings_of, varying
from gitexp.errors import GitexpError
from gitexp.history.compare import goals_in_order
from gitexp.history.differing import short_names
from gitexp.history.read import read_run
from gitexp.history.row import Row
from gitexp.history.select import History
from gitexp.record.metrics import goal_of
from gitexp.stats.summary import Summary, summary

RANGE = "range"


class Group(NamedTuple):
    """Runs that stand together. `by`: the values of the keys that they were grouped by."""

    rows: tuple[Row, ...]
    by: tuple[Any, ...]

    @property
    def completed(self) -> list[Row]:
        """Those that have a result."""
        return [row for row in self.rows if row.status == "completed"]

    @property
    def seeds(self) -> list[Any]:
        """Of each run; None where none is known."""
        return [settings_of(row).get("seed") for row in self.rows]

    def of(self, metric: str) -> Summary:
        """Of the runs that completed and have it: those of one seed count as one in the mean, and in the sd."""
        runs = [row for row in self.completed if metric in row.metrics]
        found = summary(row.metrics[metric] for row in runs)
        by_seed: dict[str, list[float]] = {}
        for row in runs:
            by_seed.setdefault(str(settings_of(row).get("seed")), []).append(row.metrics[metric])
        if str(None) in by_seed or len(by_seed) == len(runs):
            return found
        once = summary(mean for those in by_seed.values() if (mean := summary(those).mean) is not None)
        return found._replace(mean=once.mean, sd=once.sd)


def grouped(history: History, rows: Sequence[Row], *, by: Sequence[str], sort: str | None) -> tuple[list[Group], int]:
    """The groups, the one with the newest run first, or the best mean first; and how many runs are in none.

    Raises GitexpError for a key that no run has.
    """
    if by:
        known = {key for row in rows for key in settings_of(row)} | {"recipe", "author", "status", "code"}
        for key in by:
            if key not in known:
                from gitexp.text.schema import near

                raise GitexpError(f"None of these runs has {key!r}{near(key, known)}", fix="gitexp log --csv")
    found: dict[Any, list[Row]] = {}
    keys: dict[Any, tuple[Any, ...]] = {}
    for row in rows:
        values = tuple(_value(row, key) for key in by)
        group = repr(values) if by else row.alike
        if group and row.problem is None:
            found.setdefault(group, []).append(row)
            keys[group] = values
    groups = [Group(tuple(those), keys[group]) for group, those in found.items()]
    if sort is not None:
        sign = -1 if history.goal(sort) == "max" else 1
        means = {id(group): group.of(sort).mean for group in groups}
        groups.sort(key=lambda one: ((mean := means[id(one)]) is None, sign * (mean or 0.0)))
    return groups, len(rows) - sum(len(group.rows) for group in groups)


def _value(row: Row, key: str) -> Any:
    facts = {"recipe": row.recipe, "author": row.author, "status": row.status, "code": row.code}
    found = settings_of(row)
    return found[key] if key in found else facts.get(key)


def group_columns(here: Opened, groups: Sequence[Group], *, by: Sequence[str], sort: str | None) -> list[Filled]:
    """A column for what tells the groups apart, n, and two for each metric: mean ± sd, and the range."""
    firsts = [group.rows[0] for group in groups]
    found: list[Filled] = []
    if by:
        for at, key in enumerate(by):
            cells = [Cell("-" if group.by[at] is None else value(group.by[at])) for group in groups]
            found.append((Column(safe(key)), cells))
    else:
        if len({row.recipe for row in firsts}) > 1 or len(groups) == 1:
            found.append((Column("recipe"), [Cell(safe(row.recipe), "bold") for row in firsts]))
        differ = [key for key in varying(firsts)[0] if key != "seed"]
        found += [setting_column(firsts, key, name, whole=False) for key, name in short_names(differ).items()]
        if len({row.code for row in firsts}) > 1:
            found.append((Column("code"), [Cell((row.code or "-")[:7], "dim") for row in firsts]))
    found.append((Column("n", right=True), [Cell(_count(group)) for group in groups]))
    found.append((Column("seeds"), [Cell(_seeds(group), "dim") for group in groups]))
    goals = _goals(here, firsts)
    stated = {name: goal for one in reversed(goals.values()) for name, goal in one.items()}
    completed = [row for group in groups for row in group.completed]
    for name in metric_names(completed, goals, sort=sort):
        figures = [group.of(name) for group in groups]
        best = _best(figures, here.history.goal(name) if sort == name else goal_of(name, stated))
        cells = [Cell(_mean(one), "bold green" if one.mean is not None and one.mean == best else "") for one in figures]
        found.append((Column(safe(name), right=True), cells))
        found.append((Column(RANGE, right=True), [Cell(_range(one), "dim") for one in figures]))
    return found


def fitting(columns: Sequence[Filled], *, on: Screen) -> list[Filled]:
    """Of the columns of groups those that a screen has room for: ranges go first, then seeds, then the last metrics."""
    found = without_room(columns, (RANGE, "seeds"), on=on)
    while len(found) > 3 and not fits(found, on=on):
        found.pop()
    return found


def _goals(here: Opened, rows: Sequence[Row]) -> dict[str, Mapping[str, str]]:
    """The goals of each recipe, by its newest run here."""
    found: dict[str, Mapping[str, str]] = {}
    for row in rows:
        if row.recipe not in found:
            with suppress(GitexpError):
                run = read_run(here.reader, row.commit, parts=("run.toml", "recipe.toml"))
                found[row.recipe] = goals_in_order(here.config.goal, run)
    return found


def _count(group: Group) -> str:
    """`5`, or `4 of 5` where not all completed."""
    done = len(group.completed)
    return str(done) if done == len(group.rows) else f"{done} of {len(group.rows)}"


def _seeds(group: Group) -> str:
    known = [seed for seed in group.seeds if seed is not None]
    text = ", ".join(value(seed) for seed in sorted(set(map(str, known)), key=lambda s: (len(s), s))[:6])
    return (text + (", …" if len(set(map(str, known))) > 6 else "")) or "-"


def _mean(one: Summary) -> str:
    if one.mean is None:
        return "-"
    return f"{number(one.mean)} ± {'?' if one.sd is None else f'{one.sd:.2g}'}"


def _range(one: Summary) -> str:
    return "-" if one.least is None else f"{number(one.least)}…{number(one.most)}"


def _best(figures: Sequence[Summary], goal: str | None) -> float | None:
    means = [one.mean for one in figures if one.mean is not None]
    return None if goal is None or len(means) < 2 else (max if goal == "max" else min)(means)


def group_shapes(groups: Sequence[Group], *, by: Sequence[str]) -> list[dict[str, Any]]:
    """Groups as JSON."""
    return [
        {
            "recipe": group.rows[0].recipe,
            "by": dict(zip(by, group.by, strict=True)),
            "replicates": group.rows[0].alike if not by else None,
            "runs": [row.id for row in group.rows],
            "completed": len(group.completed),
            "seeds": group.seeds,
            "settings": varying(group.rows)[1],
            "metrics": {
                name: group.of(name)._asdict()
                for name in dict.fromkeys(name for row in group.completed for name in row.metrics)
            },
        }
        for group in groups
    ]
