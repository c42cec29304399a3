"""Turn rows, runs and comparisons into the JSON documents of format 1, and rows into CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gitexp.cli.pageparts import size_of
from gitexp.cli.render import safe
from gitexp.history.compare import Comparison
from gitexp.history.read import Run
from gitexp.history.row import Event, Row
from gitexp.history.said import NOTHING_SAID, Said
from gitexp.record.event import keys_of
from gitexp.record.identity import PASSES, as_plain
from gitexp.record.metrics import parse_number

if TYPE_CHECKING:
    from gitexp.datasets.place import Place
    from gitexp.history.groupcompare import GroupComparison, ManyRuns

FORMAT = 1


def document(**parts: Any) -> str:
    """One JSON document and a line feed. Numbers that JSON does not know are the strings "nan", "inf" and "-inf"."""
    return json.dumps(plain({"format": FORMAT, **parts}), indent=2, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """A value as JSON has it; times in UTC with a Z."""
    if isinstance(value, float):
        if value != value:
            return "nan"
        return value if abs(value) != float("inf") else "inf" if value > 0 else "-inf"
    if isinstance(value, datetime):
        known = value if value.tzinfo else value.replace(tzinfo=UTC)
        return known.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    return str(value)  # TOML's dates and times


def moment(then: float | None) -> datetime | None:
    """A time in epoch seconds."""
    return None if then is None else datetime.fromtimestamp(then, UTC)


def run_shape(run: Run, row: Row) -> dict[str, Any]:
    """run.toml's keys, the commit, the metrics; `problems` where a part cannot be read."""
    shape: dict[str, Any] = as_plain(run.record) if run.record else {"id": row.id, "attempt": row.attempt}
    shape = {**shape, "commit": run.commit, "author": run.author, "metrics": run.metrics}
    if row.grade:
        shape["grade"] = row.grade
    if run.used is not None:
        shape["used"] = run.used._asdict()
    if run.problems or row.problem:
        shape["problems"] = list(dict.fromkeys(filter(None, [row.problem, *run.problems])))
    return shape


def whole_run_shape(run: Run, row: Row, *, reruns: Sequence[Row] = ()) -> dict[str, Any]:
    """A run with its recipe, data, environment and artifacts, its verdict, and those of its reruns."""
    parts = {
        "code_tree": run.code,
        "recipe_values": run.recipe,
        "data": {name: as_plain(dataset) for name, dataset in run.data.items()},
        "environment": run.environment,
        "artifacts": [
            {"path": path, "digest": digest, "size_bytes": run.artifact_sizes.get(digest)}
            for path, digest in run.artifacts.first
        ],
        "artifacts_count": run.artifacts.total,
        "verdict": as_plain(run.verdict) if run.verdict is not None else None,
        "reruns": [
            {
                **{key: getattr(rerun, key) for key in ("id", "attempt", "commit", "grade", "author", "hardware")},
                "passes": rerun.grade in PASSES,
                "finished": moment(rerun.finished),
            }
            for rerun in reruns
        ],
    }
    return {**run_shape(run, row), **parts}


def event_shape(event: Event) -> dict[str, Any]:
    """What somebody said of a run, and the commit that has it."""
    name, words, runs = keys_of(event.kind)
    said = {words: event.text, name: event.name, "outcome": event.outcome, runs: json.loads(event.runs)}
    shape = {"kind": event.kind, "about": event.about, "author": event.author, "said": moment(event.said)}
    return {**shape, "commit": event.commit, **{key: value for key, value in said.items() if value}}


def said_shape(said: Said) -> dict[str, Any]:
    """The key `said` of a run: its tags, its notes, the newest first, the retraction, and more."""
    notes = [event_shape(note) for note in said.notes]
    retracted = event_shape(said.retracted) if said.retracted else None
    decisions = [event_shape(decision) for decision in said.decisions]
    shape = {"tags": said.tags, "notes": notes, "retracted": retracted}
    return {**shape, "baseline": said.baseline, "decisions": decisions}


def unreadable_shape(row: Row) -> dict[str, Any]:
    """A run that this gitexp cannot read at all."""
    return {"id": row.id, "commit": row.commit, "status": row.status, "metrics": {}, "problems": [row.problem]}


def diff_document(a: dict[str, Any], b: dict[str, Any], found: Comparison, *, place: Place) -> str:
    """What `gitexp diff --json` prints."""
    files = [
        {
            **change._asdict(),
            "state": change.state,
            "a_size_bytes": size_of(change.a, change.a_size_bytes, place) if change.a else None,
            "b_size_bytes": size_of(change.b, change.b_size_bytes, place) if change.b else None,
        }
        for change in found.artifacts.files
    ]
    return document(a=a, b=b, **{**found._asdict(), "artifacts": files, "artifacts_untold": found.artifacts.untold})


def group_document(sides: tuple[Sequence[Row], Sequence[Row]], found: GroupComparison) -> str:
    """What `gitexp diff --json` prints of two groups: who is on either side, then the comparison as it is."""
    a, b = (
        [
            {"id": row.id, "commit": row.commit, "status": row.status, "seed": seed}
            for row, seed in zip(*side, strict=True)
        ]
        for side in zip(sides, found.seeds, strict=True)
    )
    between = [{"name": name, "a": old, "b": new} for name, old, new in found.between]
    return document(groups={"a": a, "b": b}, metrics=found.metrics, settings=between, unfair=found.unfair)


def many_document(rows: Sequence[Row], found: ManyRuns) -> str:
    """What `gitexp diff --json` prints of three runs or more."""
    names = ("name", "goal", "share", "values")
    metrics = [dict(zip(names, one, strict=True)) for one in found.metrics]
    runs = [{"id": row.id, "commit": row.commit, "status": row.status} for row in rows]
    return document(runs=runs, **{**found._asdict(), "metrics": metrics})


_COLUMNS = (
    "run", "attempt", "commit", "finished", "author", "status", "kind", "recipe", "seed", "duration_s", "clean",
    "message",
)  # fmt: skip
_SAID = tuple(f"said.{name}" for name in NOTHING_SAID.facts)


def csv_table(
    rows: Sequence[Row], said: Mapping[str, Said] = {}, held: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Rows as RFC 4180 with LF: a column for each metric of any of them, one for each setting, what is said of them.

    With `held`, which says where each commit is, also that: names of remotes, the clone itself as a dot.
    A setting that is called as another column has `setting:` before its name. Control characters are shown as escapes.
    """
    metrics = list(dict.fromkeys(name for row in rows for name in row.metrics))
    settings = list(dict.fromkeys(key for row in rows for key in row.settings))
    where = [] if held is None else ["where"]
    taken = {*_COLUMNS, *_SAID, *where, *metrics}
    lines: list[Sequence[Any]] = [
        [*_COLUMNS, *metrics, *(f"setting:{key}" if key in taken else key for key in settings), *_SAID, *where]
    ]
    for row in rows:
        finished = datetime.fromtimestamp(row.finished, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        facts: Sequence[Any] = (
            row.id, row.attempt, row.commit, finished, row.author, row.status, row.kind, row.recipe, row.seed,
            row.duration_s, str(row.clean).lower(), row.message,
        )  # fmt: skip
        told = row.settings
        words = said.get(row.id, NOTHING_SAID).facts.values()
        told_cells = (_in_a_cell(told.get(key)) for key in settings)
        places = [] if held is None else [", ".join(name or "." for name in held[row.commit])]
        lines.append([*facts, *map(row.metrics.get, metrics), *told_cells, *words, *places])
    return csv_lines(lines)


def csv_lines(lines: Iterable[Sequence[Any]]) -> str:
    """Lines of cells as CSV; what a spreadsheet would execute is made text."""
    import csv
    import io

    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(list(map(_no_formula, line)) for line in lines)
    return out.getvalue()


def _in_a_cell(thing: Any) -> Any:
    return json.dumps(thing) if isinstance(thing, bool | list | dict) else thing


def _no_formula(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    # A spreadsheet executes text that begins like this; an apostrophe makes it text again. A number is a number.
    formula = cell.startswith(("=", "+", "-", "@")) and parse_number(cell) is None
    return f"'{safe(cell)}" if formula else safe(cell)
