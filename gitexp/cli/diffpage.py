"""Turn a comparison into the page of `gitexp diff`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitexp.cli.render import Cell, Column, Screen, duration, number, safe, size, stamp, table, value, wrap
from gitexp.cli.runpage import delta_cells, heading
from gitexp.cli.runtable import STATUS_STYLE
from gitexp.history.cache import Row
from gitexp.history.codechange import CodeChange, FileChange
from gitexp.history.read import Run
from gitexp.history.select import SHOWN
from gitexp.stages.compare import Comparison, DataChange

NAMED = 30  # files, packages


def diff_page(a: Run, b: Run, found: Comparison, *, rows: tuple[Row, Row], on: Screen) -> str:
    """The page: who is compared, what to know first, then section by section."""
    sections = [
        _sides(rows, on=on),
        _verdict(found, on=on),
        _code(a, b, found.code, on=on),
        _recipe(found, on=on),
        _data(found, on=on),
        _environment(found, on=on),
        _metrics(found, on=on),
        _cost(a, b, on=on),
        _problems(a, b, on=on),
    ]
    return "\n".join(section for section in sections if section)


def _sides(rows: tuple[Row, Row], *, on: Screen) -> str:
    cells = []
    for side, row in zip("AB", rows, strict=True):
        name = f"{row.id[:SHOWN]}/{row.attempt}" if row.attempt > 1 else row.id[:SHOWN]
        status = Cell(safe(row.status), STATUS_STYLE.get(row.status, ""))
        cells.append([Cell(side, "bold"), Cell(name, "yellow"), Cell(safe(row.recipe), "bold"), status])
        cells[-1] += [Cell(stamp(row.finished), "dim"), Cell(safe(row.message or ""))]
    columns = [Column(""), Column(""), Column("", least=10), Column(""), Column(""), Column("", least=10)]
    return table(columns, cells, on=on)


def _verdict(found: Comparison, *, on: Screen) -> str:
    lines = []
    if found.unexplained:
        lines.append(on.paint("same inputs, different metrics", "bold red") + "  nothing that is recorded explains it")
    elif found.identical_inputs:
        lines.append(on.paint("identical inputs", "bold green") + "  code, recipe, data and seed are the same")
    text = "".join(f"{line}\n" for line in lines)
    for remark in found.unfair:
        first, *rest = wrap(safe(remark), on=on, indent="  ").splitlines()
        text += on.paint("!", "yellow") + first[1:] + "\n" + "".join(f"{line}\n" for line in rest)
    return text


def _code(a: Run, b: Run, code: CodeChange, *, on: Screen) -> str:
    text = heading("code", "identical" if code.identical else "", on=on)
    if code.commits:
        for commit in code.commits:
            sign = Cell("-", "red") if commit.side == "a" else Cell("+", "green")
            line = f"{on.paint(sign.text, sign.style)} {on.paint(commit.commit[:10], 'yellow')} {safe(commit.subject)}"
            text += f"  {line}\n"
    elif code.commits is None:
        text += f"  {on.paint('the commits in between are not in this clone', 'dim')}\n"
    if code.problem:
        text += f"  {on.paint(safe(code.problem), 'red')}\n"
    text += table([Column("", least=20), Column("", True), Column("", True)], _files(code.files), on=on, indent="  ")
    if code.files and a.code and b.code:
        more = f"  and {len(code.files) - NAMED} more files\n" if len(code.files) > NAMED else ""
        text += more + on.paint(f"  gitexp diff --patch {_name(a)} {_name(b)}    shows the lines", "dim") + "\n"
    return text


def _files(files: tuple[FileChange, ...]) -> list[list[Cell]]:
    cells = []
    for file in files[:NAMED]:
        name = safe(file.path) if file.old is None else f"{safe(file.old)} → {safe(file.path)}"
        if file.added is None or file.removed is None:
            cells.append([Cell(name), Cell("binary", "dim"), Cell("")])
        else:
            cells.append([Cell(name), Cell(f"+{file.added}", "green"), Cell(f"-{file.removed}", "red")])
    return cells


def _name(run: Run) -> str:
    return run.record.id[:SHOWN] if run.record else run.commit[:10]


def _recipe(found: Comparison, *, on: Screen) -> str:
    if not found.recipe:
        return heading("recipe", "identical", on=on)
    text = heading("recipe", on=on)
    reasoned = any(change.why for change in found.recipe)
    rows = []
    for c in found.recipe:
        old, new = (Cell("none", "dim") if x is None else Cell(value(x), s) for x, s in ((c.a, "red"), (c.b, "green")))
        rows.append([Cell(safe(c.key)), old, Cell("→", "dim"), new])
    columns = [Column("", least=20), Column("", least=12), Column(""), Column("", least=12)]
    lines = table(columns, rows, on=on, indent="  ").splitlines()
    for line, change in zip(lines, found.recipe, strict=True):
        text += f"{line}\n"
        if reasoned and change.why:
            reason = wrap(safe(change.why), on=on, indent="      ")
            text += "".join(on.paint(part, "dim") + "\n" for part in reason.splitlines())
    return text


def _data(found: Comparison, *, on: Screen) -> str:
    if not found.data:
        return heading("data", "none declared", on=on)
    if all(change.state == "identical" for change in found.data):
        return heading("data", f"identical ({', '.join(safe(c.name) for c in found.data)})", on=on)
    text = heading("data", on=on)
    for change in found.data:
        style = {"identical": "dim", "added": "green", "removed": "red"}.get(change.state, "yellow")
        text += f"  {safe(change.name)}  {on.paint(change.state, style)}{_count(change)}\n"
        for sign, paths in (("+", change.added), ("-", change.removed), ("~", change.changed)):
            for path in (paths or ())[:NAMED]:
                text += f"    {on.paint(sign, {'+': 'green', '-': 'red'}.get(sign, 'yellow'))} {safe(path)}\n"
            if paths and len(paths) > NAMED:
                text += f"    {sign} and {len(paths) - NAMED} more\n"
    return text


def _count(change: DataChange) -> str:
    if change.state != "changed":
        return ""
    if change.added is None or change.removed is None or change.changed is None:
        return "  (a manifest is not recorded: the files are not known)"
    return f"  {len(change.added)} added, {len(change.removed)} removed, {len(change.changed)} changed"


def _environment(found: Comparison, *, on: Screen) -> str:
    if found.environment is None:
        return heading("environment", "not recorded on both sides", on=on)
    if not found.environment:
        return heading("environment", "identical", on=on)
    text = heading("environment", on=on)
    for group, differences in found.environment.items():
        rows = [[Cell(safe(key)), *_two(old, new)] for key, old, new in _pairs(differences)]
        text += f"  {safe(group)}\n"
        columns = [Column("", least=16), Column("", least=12), Column(""), Column("", least=12)]
        text += table(columns, rows[:NAMED], on=on, indent="    ")
        text += f"    and {len(rows) - NAMED} more\n" if len(rows) > NAMED else ""
    return text


def _two(old: Any, new: Any) -> list[Cell]:
    left = Cell("none", "dim") if old is None else Cell(value(old), "red")
    return [left, Cell("→", "dim"), Cell("none", "dim") if new is None else Cell(value(new), "green")]


def _pairs(differences: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key, (old, new) in differences.items():
        yield key, old, new


def _metrics(found: Comparison, *, on: Screen) -> str:
    if not found.metrics:
        return heading("metrics", "none on either side", on=on)
    columns = [Column("")] + [Column(name, right=True) for name in ("A", "B", "Δ", "%")] + [Column("")]
    rows = [[Cell(safe(c.name)), Cell(number(c.a)), Cell(number(c.b), "bold"), *delta_cells(c)] for c in found.metrics]
    return heading("metrics", on=on) + table(columns, rows, on=on, indent="  ")


def _cost(a: Run, b: Run, *, on: Screen) -> str:
    if a.record is None or b.record is None:
        return ""
    rows = []
    times, memory = (
        [a.record.duration_s, b.record.duration_s],
        [a.record.peak_memory_bytes, b.record.peak_memory_bytes],
    )
    for name, (old, new), shown in (
        ("duration", times, [duration(seconds) for seconds in times]),
        ("peak memory", memory, [size(count) for count in memory]),
    ):
        if old is not None or new is not None:
            share = f"{(new - old) / old * 100:+.0f} %" if old and new is not None else ""
            rows.append([Cell(name), Cell(shown[0]), Cell("→", "dim"), Cell(shown[1]), Cell(share, "dim")])
    columns = [Column(""), Column("", True), Column(""), Column("", True), Column("", True)]
    return heading("cost", on=on) + table(columns, rows, on=on, indent="  ") if rows else ""


def _problems(a: Run, b: Run, *, on: Screen) -> str:
    found = [f"{side}: {problem}" for side, run in (("A", a), ("B", b)) for problem in dict.fromkeys(run.problems)]
    if not found:
        return ""
    return on.paint("cannot be read", "bold red") + "\n" + "".join(f"  {safe(text)}\n" for text in found)
