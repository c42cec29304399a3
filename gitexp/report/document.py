"""Turn runs into the one JSON document that a page draws: column by column, and no longer than a picture needs.

Texts are escaped as terminals get them (`safe`), numbers that JSON does not know are "nan", "inf" and "-inf", and what
is not recorded is null. A curve has its values and the numbers of up to three axes (step, time, epoch), which
runs share.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import pairwise
from math import floor, isfinite, log10
from typing import Any, NamedTuple

from gitexp.curves.series import RunHistory
from gitexp.curves.shaping import thin
from gitexp.history.choosing import repeats
from gitexp.history.row import Event, Row
from gitexp.history.said import NOTHING_SAID, Said
from gitexp.record.metrics import foremost, goal_of
from gitexp.report.claims import Claim
from gitexp.report.material import Reported

Column = Sequence[float | int | None]

FORMAT = 1
MOST_POINTS = 1000  # of a curve
ALL_POINTS = 2_400_000  # of a page: more take a browser seconds to read
LEAST_POINTS = 50
MOST_METRICS, MOST_CURVES, MOST_SETTINGS = 120, 24, 400
DIGITS, TIME_DIGITS = 4, 3  # of a range: more than a picture can show
MOST_TEXT = 400  # characters of one value
MOST_WORDS = 2000  # of a note
_SHOWN = ("verdict", "note", "retract", "reinstate", "decision", "baseline", "unbaseline")  # kinds of events


class Made(NamedTuple):
    """When a page was made, from what, and by which gitexp."""

    at: float  # seconds since 1970
    gitexp: str
    branch: str
    tip: str
    code: str  # HEAD; empty where there is none
    command: str


class Asked(NamedTuple):
    """What a page is of. `smoke`, `retracted`: how many of these runs were left out."""

    title: str
    made: Made
    goals: Mapping[str, str]
    smoke: int = 0
    retracted: int = 0
    events: Sequence[Event] = ()
    claims: Sequence[Claim] = ()
    said: Mapping[str, Said] = {}  # of each run, by id, of which there is something
    named: bool = False  # the user chose the runs: nothing was left out
    watch: bool = False


def document(runs: Sequence[Reported], asked: Asked, *, safe: Callable[[str], str]) -> dict[str, Any]:
    """The document of these runs, in their order."""
    rows, made, say = [one.row for one in runs], asked.made, _Words(safe)
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    goals = {name: goal for name in names if (goal := goal_of(name, asked.goals))}
    ranked = foremost(names, [name for name in asked.goals if name in names])
    shown = list(dict.fromkeys([*ranked, *names]))[:MOST_METRICS]
    curves, axes, thinned, further = _curves([one.history for one in runs], ranked, say)
    settings, too_many = _settings(rows, say)
    digests = dict.fromkeys(name for one in runs for name in one.digests)
    groups: dict[str, list[int]] = {}
    for at, one in enumerate(runs):
        groups.setdefault(one.alike, []).append(at)
    return {
        "format": FORMAT,
        "title": safe(asked.title),
        "made": {**made._asdict(), "branch": safe(made.branch), "command": safe(made.command)},
        "watch": asked.watch,
        "left_out": {"known": not asked.named, "smoke": asked.smoke, "retracted": asked.retracted},
        "beyond": {"metric": len(names) - len(shown), "setting": too_many, "curve": further},
        "goals": [[safe(name), goal] for name, goal in goals.items()],
        "primary": safe(ranked[0]) if ranked else None,
        "claims": [
            {"metric": safe(c.metric), "a": c.a, "b": c.b, "groups": c.groups, "sentence": safe(c.sentence),
             "unfair": [*map(safe, c.unfair)]}
            for c in asked.claims
        ],
        "runs": _runs(rows, [asked.said.get(row.id, NOTHING_SAID) for row in rows], say),
        "groups": list(groups.values()),
        "settings": settings,
        "metrics": [{"name": safe(name), "values": [_exact(row.metrics.get(name)) for row in rows]} for name in shown],
        "facts": [{"name": safe(name), **say.coded([one.digests.get(name) for one in runs])} for name in digests],
        "axes": axes,
        "curves": curves,
        "thinned": thinned,
        "usage": [{"run": at, **_usage(one)} for at, one in enumerate(runs) if one.used is not None],
        "events": [*_events(asked, {row.id for row in rows}, safe)],
    }  # fmt: skip


def _runs(rows: Sequence[Row], said: Sequence[Said], say: _Words) -> dict[str, Any]:
    """The facts of runs, column by column."""
    again = repeats(rows)
    return {
        "id": [say.safe(row.id) for row in rows],
        "commit": [row.commit[:12] for row in rows],
        "attempt": [row.attempt for row in rows],
        "finished": [round(row.finished) for row in rows],
        "seed": [_exact(row.seed) for row in rows],
        "duration_s": [_exact(row.duration_s) for row in rows],
        "clean": [row.clean for row in rows],
        "defects": [row.defects for row in rows],
        "problem": [row.problem is not None for row in rows],
        "repeats": [row.commit in again for row in rows],
        **{name: say.coded([getattr(row, name) or None for row in rows])
           for name in ("author", "status", "recipe", "kind", "message", "held_out")},
        "tag": say.coded([", ".join(one.tags) or None for one in said]),
        "note": say.coded([one.noted or None for one in said]),
        "baseline": say.coded([", ".join(one.baseline) or None for one in said]),
        "retracted": say.coded([one.reason for one in said]),
    }  # fmt: skip


def _settings(rows: Sequence[Row], say: _Words) -> tuple[list[dict[str, Any]], int]:
    """The settings, of too many those first in which runs differ; and how many are left out."""
    told = [{key: value for key, value in row.settings.items() if _is_setting(key)} for row in rows]
    every = list(dict.fromkeys(key for values in told for key in values))
    varying = [key for key in every if len({repr(values.get(key)) for values in told}) > 1]
    wanted = {*list(dict.fromkeys([*varying, *every]))[:MOST_SETTINGS]}
    kept = [key for key in every if key in wanted]
    columns = [{"name": say.safe(key), **say.coded([values.get(key) for values in told])} for key in kept]
    return columns, len(every) - len(kept)


def _events(asked: Asked, here: Set[str], safe: Callable[[str], str]) -> Iterator[list[Any]]:
    """What was said, or of chosen runs (`here`: their ids) what was said about them."""
    replaced = {e.name: e.commit for e in asked.events if e.kind == "decision"}
    for e in asked.events:
        if e.kind in _SHOWN and (not asked.named or here & {e.about, *json.loads(e.runs)}):
            words = safe(_words(e, replaced.get(e.commit, "")))
            yield [safe(e.kind), safe(e.about), safe(e.author), e.said, e.commit[:12], words]


def _words(event: Event, replaced: str) -> str:
    """What an event says, in one line. `replaced`: of a decision, the commit of the one that stands for it."""
    before = event.outcome if event.kind in ("note", "verdict") else event.name if "baseline" in event.kind else ""
    words = [f"{before and f'{before}: '}{event.text}"]
    if event.kind == "decision":
        words += [
            f"(because of {', '.join(json.loads(event.runs))})",
            f"replaced by {replaced[:12]}" if replaced else "",
        ]
    return " ".join(" ".join(words).split())[:MOST_WORDS].removesuffix(":")


def _is_setting(key: str) -> bool:
    """Whether a key says how a run was done; not what it read, how it is judged, or its seed, a column of its own."""
    return key != "seed" and not key.startswith(("data.", "metrics.", "space."))


def dump(found: Mapping[str, Any]) -> str:
    """The document as text that may stand inside of a script element: no `<`, `>`, `&` and nothing but ASCII."""
    text = json.dumps(found, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class _Words:
    """Values as a page shows them, each different one once."""

    def __init__(self, safe: Callable[[str], str]) -> None:
        self.safe = safe

    def coded(self, values: Iterable[Any]) -> dict[str, list[Any]]:
        """Different values, and for each of the given ones its place among them; -1 for None."""
        places: dict[str, int] = {}
        known: list[Any] = []
        at = []
        for value in values:
            if value is None:
                at.append(-1)
                continue
            key = repr(value)
            if key not in places:
                places[key] = len(known)
                known.append(self._value(value))
            at.append(places[key])
        return {"values": known, "at": at}

    def _value(self, value: Any) -> Any:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return _exact(value)
        if not isinstance(value, str):
            from gitexp.text.schema import inline

            value = inline(value)
        return self.safe(value if len(value) <= MOST_TEXT else f"{value[:MOST_TEXT]}…")


def _exact(value: float | int | None) -> float | int | str | None:
    """A number as JSON has it: a browser's are floats, so that larger integers are texts."""
    if isinstance(value, float) and not isfinite(value):
        return "nan" if value != value else "inf" if value > 0 else "-inf"
    if isinstance(value, int) and abs(value) > 2**53:
        return float(value)
    return value


def _usage(one: Reported) -> dict[str, Any]:
    used = one.used
    names = "cores most_cores memory_bytes gpu_busy_percent gpu_memory_bytes read_bytes written_bytes"
    return {name: _exact(getattr(used, name)) for name in names.split()}


def _curves(
    histories: Sequence[RunHistory | None], ranked: Sequence[str], say: _Words
) -> tuple[list[dict[str, Any]], list[Any], int | None, int]:
    """The curves by metric, the axes that they share, to how many points they were thinned, if any was; of how many
    further metrics there are curves, which are too many for a page."""
    logged = dict.fromkeys(
        name for one in histories if one for name, column in one.columns.items() if _is_curve(column)
    )
    names = [name for name in dict.fromkeys([*ranked, *logged]) if name in logged][:MOST_CURVES]
    lines = sum(name in one.columns for one in histories if one for name in names)
    most = max(LEAST_POINTS, min(MOST_POINTS, ALL_POINTS // max(1, lines)))
    axes = _Axes()
    thinned = False
    found: list[dict[str, Any]] = [{"name": say.safe(name), "lines": []} for name in names]
    for run, history in enumerate(histories):
        for name, curve in zip(names, found, strict=True):
            if history is None or name not in history.columns:
                continue
            series = history.series(name)
            if len(series.values) < 2:
                continue
            kept: Sequence[int] = range(len(series.values))
            if len(kept) > most:
                kept = [int(at) for at, _ in thin(list(enumerate(series.values)), most)]
            thinned = thinned or len(kept) < len(series.values)
            line: dict[str, Any] = {"run": run}
            for axis, column, digits in (
                ("s", series.steps, DIGITS), ("t", series.times, TIME_DIGITS), ("e", series.epochs, DIGITS),
            ):  # fmt: skip
                line[axis] = axes.code([column[at] for at in kept], digits=digits)
            curve["lines"].append({**line, "y": packed([series.values[at] for at in kept])})
    return [curve for curve in found if curve["lines"]], axes.found, most if thinned else None, len(logged) - len(names)


def _is_curve(column: Column) -> bool:
    return len(column) - column.count(None) > 1


class _Axes:
    """Different axes, each once: a thousand runs of a recipe have the same steps."""

    def __init__(self) -> None:
        self.found: list[Any] = []
        self._places: dict[tuple[float | int | None, ...], int] = {}

    def code(self, column: Column, *, digits: int) -> int | None:
        """Its number; None: nothing is known."""
        if column.count(None) == len(column):
            return None
        key = tuple(column)
        if key not in self._places:
            self._places[key] = len(self.found)
            self.found.append(packed(column, digits=digits))
        return self._places[key]


def packed(column: Column, *, digits: int = DIGITS) -> list[Any] | dict[str, Any]:
    """Numbers as steps from one to the next, in units of a power of ten that a picture of their range cannot show.

    `{"places": 3, "from": 1200, "steps": [1, -2]}` is 1.2, 1.201, 1.199; with `by` and `n` all steps are the same.
    Where one is not recorded, or no finite number, a plain list.
    """
    numbers: list[float] = [value for value in column if value is not None]
    if len(numbers) < len(column) or not all(map(isfinite, numbers)):
        return [_exact(value) for value in column]
    least, most = min(numbers), max(numbers)
    size = most - least or abs(most)
    places = digits - floor(log10(size)) if isfinite(size) and size else 0
    if places < 0 or all(type(value) is int for value in numbers):
        places = 0
    if places > 300 or max(abs(least), abs(most)) * 10.0**places > 2**50:
        return [_exact(value) for value in column]
    scale = 10**places
    units = [round(value * scale) for value in numbers]
    steps = [b - a for a, b in pairwise(units)]
    if steps and steps.count(steps[0]) == len(steps):
        return {"places": places, "from": units[0], "by": steps[0], "n": len(units)}
    return {"places": places, "from": units[0], "steps": steps}
