"""Turn one run into the page of `gitexp show`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from gitexp.cli.render import Cell, Column, Screen, ago, cut, duration, number, safe, size, stamp, table, value
from gitexp.cli.runtable import STATUS_STYLE
from gitexp.history.cache import Row
from gitexp.history.read import Run
from gitexp.history.select import SHOWN
from gitexp.model.run import RunRecord
from gitexp.stages.compare import MetricChange, metric_changes

NAMED = 10  # changed files, artifacts
_OWN_TABLES = ("run.", "data.", "metrics.", "about.", "why.")


def run_page(run: Run, row: Row, before: Run | None, *, goals: Mapping[str, str], on: Screen, now: float) -> str:
    """The page of a run; `before` is the run before it of the same recipe, None where it is the first."""
    head = f"{on.paint(f'run {row.id}' + (f'/{row.attempt}' if row.attempt > 1 else ''), 'bold yellow')}  "
    head += (
        f"{on.paint(safe(row.recipe) or '-', 'bold')}  {on.paint(safe(row.status), STATUS_STYLE.get(row.status, ''))}\n"
    )
    facts = [*_facts(run.record, now=now), *_code(run.record), ("commit", run.commit, "")] if run.record else []
    facts = facts or [("commit", run.commit, ""), ("author", safe(run.author), "")]
    sections = [
        head,
        table([Column(""), Column("")], [[Cell(name, "dim"), Cell(text, style)] for name, text, style in facts], on=on),
        _metrics(run, before, goals=goals, on=on),
        _recipe(run, before, on=on),
        _data(run, on=on),
        _environment(run, on=on),
        _artifacts(run, on=on),
        *_warnings(run, row, on=on),
        _more(run.commit[:12], on=on),
    ]
    return "\n".join(section for section in sections if section)


def heading(text: str, note: str = "", *, on: Screen) -> str:
    """A section's first line."""
    return on.paint(text, "bold") + (f"  {on.paint(note, 'dim')}" if note else "") + "\n"


def _facts(record: RunRecord, *, now: float) -> Iterator[tuple[str, str, str]]:
    finished = record.finished.timestamp()
    how = " (the last sign of life)" if record.finished_is_last_sign else ""
    yield "finished", f"{stamp(finished)} ({ago(finished, now=now)}){how}, took {duration(record.duration_s)}", ""
    if record.status != "completed":
        ended = f"signal {record.signal}" if record.signal else f"exit code {record.exit_code}"
        known = record.signal or record.exit_code is not None
        yield "ended", safe(record.error or (ended if known else record.status)), "red"
    if record.peak_memory_bytes is not None:
        yield "memory", f"{size(record.peak_memory_bytes)} at its peak", ""
    if record.user or record.host:
        yield "by", safe(f"{record.user or 'unknown'} on {record.host or 'unknown'}"), ""
    if record.kind != "run":
        yield "kind", safe(record.kind), "yellow"
    if record.reproduces:
        yield "repeats", safe(record.reproduces), ""
    if record.message:
        yield "message", safe(record.message.strip()), ""
    yield "command", safe(shlex.join(record.argv)) + ("" if record.cwd == "." else f"  in {safe(record.cwd)}"), ""
    if record.seed is not None:
        yield "seed", str(record.seed), ""


def _code(record: RunRecord) -> Iterator[tuple[str, str, str]]:
    code = record.code
    oid = (code.commit or "").partition(":")[2][:10]
    where = f" on {safe(code.branch)}" if code.branch else ""
    yield "code", f"{safe(oid) or 'no commit'}{where}  {safe(code.subject or '')}".rstrip(), ""
    if not code.clean:
        yield "dirty", f"differed from that commit: {_paths(code.changed, code.changed_count)}", "yellow"
    if code.edited_count:
        yield "edited", f"changed while the program ran: {_paths(code.edited, code.edited_count)}", "yellow"


def _paths(paths: tuple[str, ...], count: int) -> str:
    count = max(count, len(paths))
    more = f" and {count - min(len(paths), NAMED)} more" if count > min(len(paths), NAMED) else ""
    return ", ".join(safe(path) for path in paths[:NAMED]) + more if paths else f"{count or 'some'} files"


def _metrics(run: Run, before: Run | None, *, goals: Mapping[str, str], on: Screen) -> str:
    if not run.metrics:
        return heading("metrics", "none were logged", on=on)
    known = {**goals, **run.goals}
    old = before.metrics if before is not None else {}
    changes = [change for change in metric_changes(old, run.metrics, goals=known) if change.b is not None]
    if before is None or before.record is None:
        rows = [[Cell(safe(c.name)), Cell(number(c.b), "bold"), Cell(known.get(c.name, ""), "dim")] for c in changes]
        return heading("metrics", on=on) + table([Column(""), Column("", True), Column("")], rows, on=on, indent="  ")
    note = f"against {before.record.id[:SHOWN]}, the run before it of this recipe"
    columns = [
        Column(""),
        Column("this", True),
        Column("before", True),
        Column("Δ", True),
        Column("%", True),
        Column(""),
    ]
    rows = [[Cell(safe(c.name)), Cell(number(c.b), "bold"), Cell(number(c.a)), *delta_cells(c)] for c in changes]
    return heading("metrics", note, on=on) + table(columns, rows, on=on, indent="  ")


def delta_cells(change: MetricChange) -> list[Cell]:
    """Δ, percent and the judgement of a metric."""
    style = {True: "green", False: "red", None: ""}[change.better]
    if change.delta is None:
        return [Cell(""), Cell(""), Cell("")]
    if change.delta == 0:
        return [Cell("="), Cell(""), Cell("same", "dim")]
    sign = "+" if change.delta > 0 else ""
    share = change.percent
    percent = "" if share is None or abs(share) >= 1e6 else f"{share:+.2g}" if abs(share) < 0.1 else f"{share:+.1f}"
    word = {True: "better", False: "worse", None: ""}[change.better]
    return [Cell(f"{sign}{number(change.delta)}", style), Cell(percent, style), Cell(word, style)]


def _recipe(run: Run, before: Run | None, *, on: Screen) -> str:
    values = {k: v for k, v in run.recipe_values.items() if not k.startswith(_OWN_TABLES) and k != "seed"}
    if not values:
        return ""
    old: Mapping[str, Any] = before.recipe_values if before is not None and before.record is not None else {}
    rows = []
    for key, thing in values.items():
        changed = bool(old) and (key not in old or repr(old[key]) != repr(thing))
        was = f"was {cut(value(old[key]), 30)}" if changed and key in old else "new" if changed else ""
        rows.append([Cell(safe(key)), Cell(value(thing), "bold" if changed else ""), Cell(was, "yellow")])
    columns = [Column("", least=20), Column("", least=20), Column("", least=10)]
    return heading("recipe", on=on) + table(columns, rows, on=on, indent="  ")


def _data(run: Run, *, on: Screen) -> str:
    rows = []
    for name, dataset in run.data.items():
        files = "" if dataset.files is None else "1 file" if dataset.files == 1 else f"{dataset.files} files"
        amount = size(dataset.size_bytes) if dataset.size_bytes is not None else ""
        where = safe(str(dataset.path or dataset.url or ""))
        rows.append(
            [Cell(safe(name)), Cell(where), Cell(files), Cell(amount), Cell(safe(str(dataset.digest or "")), "dim")]
        )
    if not rows:
        return ""
    columns = [Column("", least=8), Column("", least=16), Column("", True), Column("", True), Column("", least=16)]
    return heading("data", on=on) + table(columns, rows, on=on, indent="  ")


def _environment(run: Run, *, on: Screen) -> str:
    if run.environment is None:
        return heading("environment", "not recorded", on=on)
    from gitexp.model.environment import environment_class

    interpreter, packages = run.environment.get("interpreter"), run.environment.get("packages")
    words = []
    if isinstance(interpreter, dict):
        words.append(f"{interpreter.get('implementation', 'Python')} {interpreter.get('version', '')}".strip())
    if isinstance(packages, dict):
        words.append("1 package" if len(packages) == 1 else f"{len(packages)} packages")
    words.append(environment_class(dict(run.environment)))
    return heading("environment", on=on) + f"  {safe(' · '.join(words))}\n"


def _artifacts(run: Run, *, on: Screen) -> str:
    if not run.artifacts:
        return ""
    rows = [[Cell(safe(path)), Cell(safe(digest), "dim")] for path, digest in run.artifacts[:NAMED]]
    if len(run.artifacts) > NAMED:
        rows.append([Cell(f"and {len(run.artifacts) - NAMED} more"), Cell("")])
    columns = [Column("", least=20), Column("", least=16)]
    return heading("artifacts", on=on) + table(columns, rows, on=on, indent="  ")


def _warnings(run: Run, row: Row, *, on: Screen) -> Iterator[str]:
    problems = list(dict.fromkeys(filter(None, [row.problem, *run.problems])))
    for name, found in (("defects", run.record.defects if run.record else ()), ("cannot be read", problems)):
        if found:
            yield on.paint(name, "bold red") + "\n" + "".join(f"  {safe(text)}\n" for text in found)


def _more(commit: str, *, on: Screen) -> str:
    lines = (
        f"git show {commit}:output.log     what it printed    (gitexp show --output)",
        f"git show {commit}:history.csv    every logged step",
        f"git show {commit}:README.md      how to repeat it",
    )
    return heading("more", on=on) + "".join(f"  {on.paint(line, 'dim')}\n" for line in lines)
