"""Turn one run into the page of `gitexp show`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.deltas import clocks, delta_cells, metrics_shown
from gitexp.cli.pageparts import LISTED, STATUS_STYLE, fact_table, heading, last_lines, remarks, rest_of, size_in_words
from gitexp.cli.render import VALUE_LIMIT, Cell, Column, Screen, cut, number, safe, size, table, value, wrap
from gitexp.cli.runfacts import NAMED, run_facts
from gitexp.errors import counted
from gitexp.history.compare import goals_in_order, metric_changes, run_metric_changes
from gitexp.history.inputs import Inputs
from gitexp.history.read import Run
from gitexp.history.row import Row
from gitexp.history.said import NOTHING_SAID, Said
from gitexp.history.select import SHOWN

if TYPE_CHECKING:
    from gitexp.datasets.place import Place
    from gitexp.record.datarecord import DatasetRecord

WIDE = 100  # columns of a screen with room for curves beside the numbers
_OWN_TABLES = ("run.", "data.", "metrics.", "about.", "why.", "space.")


def run_page(
    run: Run,
    row: Row,
    before: Run | None,
    *,
    goals: Mapping[str, str],
    place: Place,
    printed: str | None = None,
    said: Said = NOTHING_SAID,
    against: str = "",
    reruns: Sequence[Row] = (),
    curves: Callable[[], Mapping[str, str]] = dict,
    on: Screen,
    now: float,
) -> str:
    """The page of a run: what became of it, what is wrong with it, its metrics, then what went in.

    `before` is what it is measured against: the baseline of its recipe, or the run before it (`against` says which);
    None where it is the first. `printed` is its output, of which the end is shown: asked for where the run did not
    complete. `curves`: of metrics, in a line of text each, where there is room. `reruns`: those whose verdicts are
    about this run.
    """
    name, struck = f"run {row.id}" + (f"/{row.attempt}" if row.attempt > 1 else ""), " strike" * bool(said.retracted)
    head = f"{on.paint(name, 'bold yellow' + struck)}  "
    head += f"{on.paint(safe(row.recipe[:VALUE_LIMIT]) or '-', 'bold')}  "
    head += f"{on.paint(safe(row.status), STATUS_STYLE.get(row.status, ''))}\n"
    facts = [*run_facts(run, before, said=said, reruns=reruns, now=now)]
    shown = curves() if run.metrics and (on.width is None or on.width >= WIDE) else {}
    sections = [
        _metrics(run, before, against, goals=goals, curves=shown, on=on),
        last_lines(printed, on=on),
        _recipe(run, before, on=on),
        _data(run, on=on),
        _environment(run, on=on),
        _digests(run, on=on),
        _artifacts(run, place, on=on),
    ]
    sections = [
        head,
        fact_table(facts, on=on),
        *_warnings(run, row, on=on),  # after the sections: reading them is what finds the damage
        *sections,
        _more(run, on=on),
    ]
    return "\n".join(section for section in sections if section)


def _metrics(
    run: Run, before: Run | None, against: str, *, goals: Mapping[str, str], curves: Mapping[str, str], on: Screen
) -> str:
    if not run.metrics:
        return heading("metrics", "none were logged", on=on)
    if before is None or before.record is None:
        known = goals_in_order(goals, run)
        changes = metric_changes({}, run.metrics, goals=known)
        rows = [
            [
                Cell(safe(c.name)),
                Cell(number(c.b), "bold"),
                Cell("clock" if c.clock else known.get(c.name, ""), "dim"),
                Cell(curves.get(c.name, ""), "green"),
            ]
            for c in changes[:LISTED]
        ]
        found = table([Column(""), Column("", True), Column(""), Column("")], rows, on=on, indent="  ")
        return heading("metrics", _judged(run), on=on) + found + rest_of(len(changes) - LISTED)
    note = f"against {before.record.id[:SHOWN]}, {against}"
    inputs = Inputs(before, run)
    note += "; held-out rows differ: not comparable" if inputs.other_held_out else ""
    note = "; ".join(filter(None, [_judged(run), note]))
    columns = [Column(""), *(Column(name, right=True) for name in ("this", "before", "Δ", "%")), Column(""), Column("")]
    logged = [c for c in run_metric_changes(inputs, goals=goals) if c.b is not None]
    shown, rest = metrics_shown(logged)
    rows = [
        [
            Cell(safe(c.name)),
            Cell(number(c.b), "bold"),
            Cell(number(c.a)),
            *delta_cells(c),
            Cell(curves.get(c.name, ""), "green"),
        ]
        for c in shown
    ]
    text = heading("metrics", note, on=on) + (table(columns, rows, on=on, indent="  ") if rows else "") + rest
    return text + clocks([c._replace(a=c.b, b=c.a) for c in logged], on=on)


def _judged(run: Run) -> str:
    """Which row the values are of."""
    judged = run.record.summary if run.record is not None else None
    if judged is None:
        return ""
    rules = (run.recipe or {}).get("metrics")
    said = rules.get("summary") if isinstance(rules, dict) else None
    others = [name for name in said if name in run.metrics and name != judged.by] if isinstance(said, dict) else []
    but = f" (but {safe(', '.join(others[:3]))}{', …' if len(others) > 3 else ''}: see [metrics] summary)"
    place = f"row {judged.row}" if judged.step is None else f"step {judged.step}"
    return f"of {place}, the best by {safe(judged.by)}{but if others else ''}"


def _recipe(run: Run, before: Run | None, *, on: Screen) -> str:
    values = {k: v for k, v in run.recipe_values.items() if not k.startswith(_OWN_TABLES) and k != "seed"}
    if not values:
        return ""
    old: Mapping[str, Any] = before.recipe_values if before is not None and before.record is not None else {}
    rows = []
    for key, thing in list(values.items())[:LISTED]:
        changed = bool(old) and (key not in old or repr(old[key]) != repr(thing))
        was = f"was {cut(value(old[key], limit=30), 30)}" if changed and key in old else "new" if changed else ""
        rows.append([Cell(safe(key[:VALUE_LIMIT])), Cell(value(thing), "bold" if changed else ""), Cell(was, "yellow")])
    columns = [Column("", least=20), Column("", least=20), Column("", least=10)]
    return heading("recipe", on=on) + table(columns, rows, on=on, indent="  ") + rest_of(len(values) - LISTED)


def _data(run: Run, *, on: Screen) -> str:
    rows = []
    for name, dataset in list(run.data.items())[:LISTED]:
        files = "" if dataset.files is None else counted(dataset.files, "file")
        amount = size(dataset.size_bytes) if dataset.size_bytes is not None else ""
        where = safe(str(dataset.path or dataset.url or ""))
        rows.append(
            [Cell(safe(name)), Cell(where), Cell(files), Cell(amount), Cell(safe(str(dataset.digest or "")), "dim")]
        )
    if not rows:
        return ""
    columns = [Column("", least=8), Column("", least=16), Column("", True), Column("", True), Column("", least=16)]
    lines = table(columns, rows, on=on, indent="  ").splitlines()
    text = heading("data", on=on)
    for line, dataset in zip(lines, run.data.values(), strict=False):
        text += line + "\n"
        if known := safe("; ".join(_known_of(dataset))[:VALUE_LIMIT]):
            text += wrap(known, on=on, indent="    ", style="dim")
    return text + rest_of(len(run.data) - LISTED)


def _known_of(dataset: DatasetRecord) -> Iterator[str]:
    """What the record says of a dataset beyond where and how much it is."""
    if dataset.entry not in (None, dataset.name):
        yield f"{dataset.entry} in the catalogue"
    if dataset.access == "restricted":
        yield "restricted"
    for name, said in (("license", dataset.license), ("owner", dataset.owner), ("version", dataset.version)):
        if said is not None:
            yield f"{name} {said}"
    for group, drawn in (("split", dataset.split), ("sample", dataset.sampling)):
        for name, rule in drawn.items():
            yield f"{group} {name} {rule.get('rows', 0):,} rows"
    if dataset.contract is not None:
        yield "keeps its contract"
    if dataset.lineage.get("parents"):
        stale = dataset.lineage.get("stale", [])
        yield f"made from {', '.join(f'{p} (moved on since)' if p in stale else p for p in dataset.lineage['parents'])}"


def _environment(run: Run, *, on: Screen) -> str:
    if run.environment is None:
        return heading("environment", "not recorded", on=on)
    interpreter, packages = run.environment.get("interpreter"), run.environment.get("packages")
    words = []
    if isinstance(interpreter, dict):
        words.append(f"{interpreter.get('implementation', 'Python')} {interpreter.get('version', '')}".strip())
    if isinstance(packages, dict):
        words.append(counted(len(packages), "package") + (" (doubtful)" if "doubt" in run.environment else ""))
    words.append(run.hardware)
    launcher = run.environment.get("launcher")
    if isinstance(launcher, dict):
        words.append(f"started by {launcher.get('path', 'another interpreter')}")
    return heading("environment", on=on) + f"  {safe(' · '.join(word[:VALUE_LIMIT] for word in words))}\n"


def _artifacts(run: Run, place: Place, *, on: Screen) -> str:
    count, first = run.artifacts
    if not count:
        return ""
    rows = [
        [
            Cell(safe(path)),
            Cell(size_in_words(digest, run.artifact_sizes.get(digest), place)),
            Cell(safe(digest), "dim"),
        ]
        for path, digest in first[:NAMED]
    ]
    if count > NAMED:
        rows.append([Cell(f"and {count - NAMED:,} more"), Cell(""), Cell("")])
    columns = [Column("", least=20), Column("", True), Column("", least=16)]
    saved = run.record.artifacts if run.record else None
    note = f"{size(saved.size_bytes)} in all" if saved is not None and count > 1 else ""
    return heading("artifacts", note, on=on) + table(columns, rows, on=on, indent="  ")


def _digests(run: Run, *, on: Screen) -> str:
    """Of weights and fitted state: two runs with the same have the same, bit for bit."""
    digests = list(run.record.digests.items()) if run.record else []
    if not digests:
        return ""
    rows = [[Cell(safe(name)), Cell(safe(digest), "dim")] for name, digest in digests[:NAMED]]
    columns = [Column("", least=20), Column("", least=16)]
    return heading("digests", on=on) + table(columns, rows, on=on, indent="  ") + rest_of(len(digests) - NAMED)


def _warnings(run: Run, row: Row, *, on: Screen) -> Iterator[str]:
    problems = list(dict.fromkeys(filter(None, [row.problem, *run.problems])))
    if run.record and run.record.notes:
        yield heading("notes", on=on) + remarks(run.record.notes, on=on)
    for name, found in (("defects", run.record.defects if run.record else ()), ("cannot be read", problems)):
        if found:
            yield on.paint(name, "bold red") + "\n" + remarks(found, on=on)


def _more(run: Run, *, on: Screen) -> str:
    commit, history = run.commit[:12], run.record.history if run.record else None
    part = f"{history.kept} of {history.rows} rows" if history and history.kept < history.rows else "every logged step"
    items = run.record.items if run.record else None
    where = f"git show {commit}:items.csv     " if items and items.digest is None else "gitexp-items.csv, an artifact: "
    printed = (f"git show {commit}:output.log     what it printed    (gitexp show --output)",)
    lines = (
        *(printed if "output.log" in run.tree else ()),
        f"git show {commit}:history.csv    {part}",
        *([f"{where} values of {items.examples:,} examples    (gitexp diff GROUP_A GROUP_B)"] if items else ()),
        f"git show {commit}:README.md      how to repeat it",
    )
    return heading("more", on=on) + "".join(f"  {on.paint(line, 'dim')}\n" for line in lines)
