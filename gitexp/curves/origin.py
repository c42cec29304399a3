"""From a number back: the row that a metric's summary value came from, why that one, who asked for it, what went in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gitexp.curves.series import RunHistory
from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.history.read import Run
from gitexp.record.metrics import Number, goal_of
from gitexp.text.bounded import LARGEST, load_tables
from gitexp.text.encoding import NotUtf8, decode
from gitexp.text.keylines import key_lines
from gitexp.text.schema import dotted, near, spell

_ABOUT_ONE = ("goal", "summary", "output")  # tables of [metrics] that are by metric
_ABOUT_ALL = ("monitor", "files", "keys", "step")


class LoggedRow(NamedTuple):
    """A row of the history."""

    number: int | None  # of the whole history, from 1; None: only a sample is here
    step: int | None
    time_s: float | None
    attempt: int
    values: Mapping[str, Number]


class Origin(NamedTuple):
    """Where a number of a run came from. None, or empty: not recorded, or not here."""

    metric: str
    value: Number
    rule: str  # which of its values this is, as a sentence
    row: LoggedRow | None
    same: int  # rows with this very value
    asked: list[str]  # `file:line: key = value` of the record
    seen: list[str]  # where metrics were read that nobody had named
    code: Mapping[str, Any]
    data: Mapping[str, str | None]
    parents: list[str]
    notes: list[str]


def origin_of(run: Run, metric: str, history: RunHistory, *, reader: ObjectReader) -> Origin:
    """Raises GitexpError where the run has no such metric."""
    if metric not in run.metrics:
        raise GitexpError(
            f"This run has no metric {metric!r}{near(metric, run.metrics)}",
            details=[f"metrics there are: {', '.join(list(run.metrics)[:12]) or 'none'}"],
        )
    value, record = run.metrics[metric], run.record
    rule, at = _chosen(run, metric, value, history)
    notes = [history.problem] if history.problem else []
    if history.is_sample:
        notes.append(
            f"git holds {len(history.steps)} of {history.logged} rows, and the object store here not the others"
        )
    if at is None:
        notes.append("no row that is here has this value")
    code = record.code if record is not None else None
    return Origin(
        metric,
        value,
        rule,
        None if at is None else _row(history, at),
        sum(_same(one, value) for one in history.columns.get(metric, ())),
        list(_asked(run, metric, reader)),
        [f"{one.kind}: {one.path or 'printed'}" for one in (record.seen if record is not None else ()) if one.metrics],
        {"commit": code.commit if code else None, "clean": code.clean if code else None, "tree": run.code},
        {name: one.digest for name, one in run.data.items()},
        list(_parents(run)),
        notes,
    )


def _same(one: Number | None, value: Number) -> bool:
    return one is not None and (one == value or (one != one and value != value))


def _chosen(run: Run, metric: str, value: Number, history: RunHistory) -> tuple[str, int | None]:
    """By docs/format.md, section 8: which value this is, and its row of those that are here."""
    rules = (run.recipe or {}).get("metrics")
    said = rules.get("summary") if isinstance(rules, dict) else None
    way = goal_of(metric, said) if isinstance(said, dict) else None
    way = (goal_of(metric, run.goals) or "last") if way == "best" else way
    column = history.columns.get(metric, ())
    rows = [row for row, one in enumerate(column) if _same(one, value)]
    first, last = (rows[0], rows[-1]) if rows else (None, None)
    if way in ("min", "max"):
        return f"its {'lowest' if way == 'min' else 'highest'} value, as [metrics] summary says", first
    judged = run.record.summary if run.record is not None else None
    if way == "last" or judged is None:
        return f"its last value{', as [metrics] summary says' if way == 'last' else ': no goal decides'}", last
    place = f"row {judged.row}" + ("" if judged.step is None else f", step {judged.step}")
    if judged.by == metric:
        return f"its best value ({judged.goal}): {place}", first
    exact = [row for row in rows if judged.step is not None and history.steps[row] == judged.step]
    before = [row for row in rows if history.is_sample or row < judged.row]
    return f"its value at the row that is best by {judged.by} ({place}), or the nearest to it", next(
        iter([*exact[-1:], *before[-1:], *rows[:1]]), None
    )


def _row(history: RunHistory, at: int) -> LoggedRow:
    values = {name: one for name, column in history.columns.items() if (one := column[at]) is not None}
    attempt = history.attempts[at] if history.attempts else 1
    number = None if history.is_sample else at + 1
    return LoggedRow(number, history.steps[at], history.times[at], attempt, values)


def _asked(run: Run, metric: str, reader: ObjectReader) -> Iterator[str]:
    """The lines about it: as the user wrote them, and as the recipe resolved to."""
    path = run.record.recipe_path if run.record is not None else None
    for name in dict.fromkeys(filter(None, [f"code/{path}" if path else "", "code/gitexp.toml", "recipe.toml"])):
        content = reader.read(f"{run.commit}:{name}", limit=LARGEST)
        try:
            text = decode(content or b"")
            table = load_tables(text, where=name).get("metrics")
        except (GitexpError, NotUtf8):
            continue
        lines = key_lines(text) if isinstance(table, dict) else {}
        keys = [(kind, key) for kind in _ABOUT_ONE for key in (metric, metric.partition("[")[0])]
        for keypath in dict.fromkeys([*keys, *((key,) for key in _ABOUT_ALL)]):
            value: Any = table
            for key in keypath:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None and (keypath != ("monitor",) or value == metric):
                line = lines.get(("metrics", *keypath)) or lines.get(("metrics",)) or 1
                yield f"{name}:{line}: {dotted(('metrics', *keypath))} = {spell(value)}"


def _parents(run: Run) -> Iterator[str]:
    record = run.record
    if record is None:
        return
    if record.reproduces:
        yield f"repeats {record.reproduces}"
    if record.attempt > 1:
        yield f"goes on with attempt {record.attempt - 1} of {record.id}"
    for name, dataset in run.data.items():
        if made_by := dataset.lineage.get("run"):
            yield f"{name} was made by the run {made_by}"
        for parent, digest in dataset.lineage.get("parents", {}).items():
            yield f"{name} was made from {parent} {digest}"
