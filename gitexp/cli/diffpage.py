"""Turn a comparison into the page of `gitexp diff`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitexp.cli.changewords import argument_name
from gitexp.cli.deltas import clocks, delta_cells, metrics_shown, moved
from gitexp.cli.pageparts import by_example, cautions, heading, remarks, rest_of, size_in_words, status_cell
from gitexp.cli.render import (
    VALUE_LIMIT,
    Cell,
    Column,
    Screen,
    duration,
    number,
    safe,
    size,
    stamp,
    table,
    text_width,
    value,
    wrap,
)
from gitexp.errors import and_more
from gitexp.history.artifactchange import ArtifactChanges
from gitexp.history.codechange import CodeChange, FileChange
from gitexp.history.compare import Comparison, DataChange
from gitexp.history.inputs import COMMAND, KeyChange
from gitexp.history.read import Run
from gitexp.history.row import Row
from gitexp.history.said import NOTHING_SAID, Said
from gitexp.history.select import SHOWN
from gitexp.record.digests import Digest

if TYPE_CHECKING:
    from gitexp.datasets.place import Place

SHOWN_DIGEST = 23  # characters: sha256: and 16 digits
NAMED = 30  # files, packages, keys; JSON has all of them
SHOWN_ARTIFACTS = 12
NAMED_METRICS = 4  # metrics in the sentence at the top
SIDE_BY_SIDE = 60  # characters of a value; longer ones stand below each other where there is no terminal


def diff_page(
    a: Run, b: Run, found: Comparison, *, rows: tuple[Row, Row], said: Mapping[str, Said], place: Place, on: Screen
) -> str:
    """The page: who is compared, what to know first, then section by section. `place` knows the sizes of artifacts."""
    sections = [
        _sides(rows, said, on=on),
        _verdict(found, on=on),
        _code(a, b, found.code, on=on),
        _parameters(found, on=on),
        _arguments(found, on=on),
        _recipe(a, b, found, on=on),
        _data(a, b, found, on=on),
        _environment(found, on=on),
        _metrics(found, on=on) + by_example(a, b),
        _digests(found, on=on),
        _artifacts(found.artifacts, place, on=on),
        _cost(a, b, on=on),
        _problems(a, b, on=on),
    ]
    return "\n".join(section for section in sections if section)


def _sides(rows: tuple[Row, Row], said: Mapping[str, Said], *, on: Screen) -> str:
    cells = []
    for side, row in zip("AB", rows, strict=True):
        name = f"{row.id[:SHOWN]}/{row.attempt}" if row.attempt > 1 else row.id[:SHOWN]
        of = said.get(row.id, NOTHING_SAID)
        run = Cell(name, "yellow" + " strike" * (of.retracted is not None))
        cells.append([Cell(side, "bold"), run, Cell(safe(row.recipe), "bold"), status_cell(row.status)])
        verdict = f"rerun of the other: {row.grade}" if row.judged in {one.commit for one in rows} else ""
        told = "; ".join(filter(None, [verdict, (of.words or row.message or "")[:VALUE_LIMIT]]))
        cells[-1] += [Cell(stamp(row.finished), "dim"), Cell(safe(told), "red" if of.retracted else "")]
    columns = [Column(""), Column(""), Column("", least=10), Column(""), Column(""), Column("", least=10)]
    return table(columns, cells, on=on)


def _verdict(found: Comparison, *, on: Screen) -> str:
    return _inputs(found, on=on) + _movement(found, on=on) + cautions(found.unfair, most=NAMED, on=on)


def _inputs(found: Comparison, *, on: Screen) -> str:
    """Whether the same went in, and whether the same came out."""
    if not found.identical_inputs:
        return ""
    differing = "weights" if found.same_metrics else "metrics"
    if found.unexplained:
        said, style, why = f"same inputs, different {differing}", "bold red", "nothing that is recorded explains it"
    elif not found.same_results:
        said, style = f"same inputs, different {differing}", "bold yellow"
        why = "the environments differ" if found.environment else "see the remarks below"
        why = "an environment is not recorded" if found.environment is None else why
    else:
        judged = any(not metric.clock for metric in found.metrics)
        said = "identical inputs, identical metrics" if judged else "identical inputs"
        said += ", the same weights" if found.same_digests else ""
        said += ", the same artifacts" if found.artifacts.files and found.artifacts.all_same else ""
        style, why = "bold green", "code, recipe, data and seed are the same"
        why += "" if found.artifacts.same else "; artifacts differ"
        why += "; the environments differ" if found.environment else ""
        why += "; an environment is not recorded" if found.environment is None else ""
    return f"{on.paint(said, style)}  {why}\n"


def _movement(found: Comparison, *, on: Screen) -> str:
    """`toward the goal: val.acc +1.2 points; against it: val.loss +16.9 %`, and what one run each is worth."""
    parts: list[str] = []
    for toward, words in ((True, "toward"), (False, "against")):
        moving = [m for m in found.metrics if m.toward_goal is toward and "[" not in m.name]
        names = [f"{safe(m.name)} {moved(m)}" for m in moving]
        more = and_more(len(names), NAMED_METRICS)
        if names:
            parts.append(f"{words} {'it' if parts else 'the goal'}: {', '.join(names[:NAMED_METRICS])}{more}")
    return wrap(f"{'; '.join(parts)}  (one run each: the noise is not known)", on=on) if parts else ""


def _code(a: Run, b: Run, code: CodeChange, *, on: Screen) -> str:
    text = heading("code", "identical" if code.identical else "", on=on)
    for commit in code.commits or ():
        sign = on.paint("-", "red") if commit.side == "a" else on.paint("+", "green")
        text += f"  {sign} {on.paint(commit.commit[:10], 'yellow')} {safe(commit.subject)}\n"
    if code.commits is None:
        text += f"  {on.paint('the commits in between are not in this clone', 'dim')}\n"
    if code.problem:
        text += f"  {on.paint(safe(code.problem), 'red')}\n"
    columns = [Column("", least=20), Column("", True), Column("", True)]
    text += table(columns, map(_file, code.files[:NAMED]), on=on, indent="  ")
    if code.files and a.code and b.code:
        more = f"  and {len(code.files) - NAMED} more files\n" if len(code.files) > NAMED else ""
        text += more + on.paint(f"  gitexp diff --patch {_name(a)} {_name(b)}    shows the lines", "dim") + "\n"
    return text


def _file(file: FileChange) -> list[Cell]:
    name = Cell(safe(file.path) if file.old is None else f"{safe(file.old)} → {safe(file.path)}")
    if file.added is None or file.removed is None:
        return [name, Cell("binary", "dim"), Cell("")]
    return [name, Cell(f"+{file.added}", "green"), Cell(f"-{file.removed}", "red")]


def _name(run: Run) -> str:
    return run.record.id[:SHOWN] if run.record else run.commit[:10]


def _parameters(found: Comparison, *, on: Screen) -> str:
    """The keys that differ in parameter files, below the name of each."""
    text = ""
    for file in found.parameters:
        name = safe(file.path)
        if file.keys:
            text += f"  {name}\n{_changes(file.keys, on=on, indent='    ')}"
        else:
            why = "cannot be compared key by key" if file.keys is None else "no value differs"
            text += f"  {name}  {on.paint(why, 'dim')}\n"
    return heading("parameters", on=on) + text if text else ""


def _arguments(found: Comparison, *, on: Screen) -> str:
    """What differs between the command lines."""
    if not found.arguments:
        return ""
    names = {change.name: argument_name(change.name) for change in found.arguments}
    return heading("arguments", on=on) + _changes(
        [
            KeyChange(names[c.name] or "(no option)", *(c.spelled if c.of_flags else (c.a, c.b)), None)
            for c in found.arguments
        ],
        on=on,
    )


def _recipe(a: Run, b: Run, found: Comparison, *, on: Screen) -> str:
    changes = [c for c in found.recipe if c.key != COMMAND or not found.arguments]
    if not changes:
        said = "not recorded" if _imported(a, b) else "identical"
        return "" if found.arguments else heading("recipe", said, on=on)
    # Between two recipes, everything differs, and reasons would bury it.
    if a.record is None or b.record is None or a.record.recipe != b.record.recipe:
        changes = [c._replace(why=None) for c in changes]
    return heading("recipe", on=on) + _changes(changes, on=on)


def _changes(changes: Sequence[KeyChange], *, on: Screen, indent: str = "  ") -> str:
    """Names with both values side by side, or below each other where they are long."""
    rows, long = [], []
    shown = changes[:NAMED]
    room = (on.width - 7 - max(len(c.key) for c in shown)) // 2 if on.width is not None else SIDE_BY_SIDE
    for c in shown:
        old, new = _two(c.a, c.b)
        if (text_width(old.text) > room and text_width(new.text) > room // 2) or text_width(new.text) > room:
            long.append(_below_each_other(c, on=on))
            old, new = Cell(""), Cell("")
        else:
            long.append("")
        rows.append([Cell(safe(c.key[:VALUE_LIMIT])), old, Cell("→" if old.text else "", "dim"), new])
    columns = [Column("", least=20), Column("", least=12), Column(""), Column("", least=12)]
    text = ""
    for line, below, c in zip(table(columns, rows, on=on, indent=indent).splitlines(), long, shown, strict=True):
        text += f"{line}\n{below}"
        if c.why:
            text += wrap(safe(c.why[: 2 * VALUE_LIMIT]), on=on, indent="      ", style="dim")
    return text + rest_of(len(changes) - NAMED, indent=indent)


def _below_each_other(change: KeyChange, *, on: Screen) -> str:
    """Two long values as a diff has them."""
    text = ""
    for sign, style, side in (("-", "red", value(change.a)), ("+", "green", value(change.b))):
        first, *rest = wrap(side, on=on, indent="      ").splitlines()
        text += "".join(on.paint(part, style) + "\n" for part in (f"    {sign}{first[5:]}", *rest))
    return text


def _imported(*runs: Run) -> bool:
    return any(run.record and run.record.imported for run in runs)


def _data(a: Run, b: Run, found: Comparison, *, on: Screen) -> str:
    if not found.data:
        return heading("data", "not recorded" if _imported(a, b) else "none declared", on=on)
    if all(change.state == "identical" for change in found.data):
        return heading("data", f"identical ({_names([c.name for c in found.data])})", on=on)
    text = heading("data", on=on)
    for change in found.data[:NAMED]:
        style = {"identical": "dim", "added": "green", "removed": "red"}.get(change.state, "yellow")
        why = ""
        if change.state == "not comparable":
            one_key = not (Digest(change.a or "").keyed and Digest(change.b or "").keyed)
            why = ": one of them is recorded under a key" if one_key else ": recorded under another key"
        text += f"  {safe(change.name)}  {on.paint(change.state + why, style)}{_count(change)}\n"
        for sign, paths in (("+", change.added), ("-", change.removed), ("~", change.changed)):
            for path in (paths or ())[:NAMED]:
                text += f"    {on.paint(sign, {'+': 'green', '-': 'red'}.get(sign, 'yellow'))} {safe(path)}\n"
            if paths and len(paths) > NAMED:
                text += f"    {sign} and {len(paths) - NAMED} more\n"
        text += _row_counts(change, on=on)
    return text + rest_of(len(found.data) - NAMED)


def _names(names: Sequence[str]) -> str:
    more = and_more(len(names), NAMED)
    return ", ".join(safe(name) for name in names[:NAMED]) + more


def _row_counts(change: DataChange, *, on: Screen) -> str:
    """Rows in all, of each kind, and in each split."""
    rows = []
    for count in change.counts[:NAMED]:
        delta = count.b - count.a if count.a is not None and count.b is not None else None
        sides = ["(none)" if side is None else f"{side:,}" for side in (count.a, count.b)]
        rows.append([Cell(safe(count.name[:VALUE_LIMIT])), Cell(sides[0]), Cell("→", "dim"), Cell(sides[1], "bold")])
        rows[-1].append(Cell("" if delta is None else f"{delta:+,}", "dim"))
    columns = [Column("", least=12), Column("", True), Column(""), Column("", True), Column("", True)]
    more = f"    and {len(change.counts) - NAMED} more\n" if len(change.counts) > NAMED else ""
    return (table(columns, rows, on=on, indent="    ") + more) if rows else ""


def _count(change: DataChange) -> str:
    if change.state != "changed":
        return "  of the same files" if change.state == "other splits" else ""
    if change.added is None or change.removed is None or change.changed is None:
        return "  (a manifest is not recorded: the files are not known)"
    return f"  {len(change.added)} added, {len(change.removed)} removed, {len(change.changed)} changed"


def _environment(found: Comparison, *, on: Screen) -> str:
    if found.environment is None:
        return heading("environment", "not recorded", on=on)
    if not found.environment:
        return heading("environment", "identical", on=on)
    text = heading("environment", on=on)
    for group, differences in found.environment.items():
        rows = []
        for key, (old, new) in differences.items():
            left, right = _two(old, new)
            rows.append([Cell(safe(key[:VALUE_LIMIT])), left, Cell("→", "dim"), right])
        text += f"  {safe(group)}\n"
        columns = [Column("", least=16), Column("", least=12), Column(""), Column("", least=12)]
        text += table(columns, rows[:NAMED], on=on, indent="    ")
        text += f"    and {len(rows) - NAMED} more\n" if len(rows) > NAMED else ""
    return text


def _two(old: Any, new: Any) -> list[Cell]:
    """Both values; what is not there cannot be mistaken for the word "none"."""
    return [
        Cell("(none)", "dim") if thing is None else Cell(value(thing), style)
        for thing, style in ((old, "red"), (new, "green"))
    ]


def _metrics(found: Comparison, *, on: Screen) -> str:
    if not found.metrics:
        return heading("metrics", "none on either side", on=on)
    columns = [Column("")] + [Column(name, right=True) for name in ("A", "B", "Δ", "%")] + [Column("")]
    shown, rest = metrics_shown(found.metrics)
    rows = [[Cell(safe(c.name)), Cell(number(c.a)), Cell(number(c.b), "bold"), *delta_cells(c)] for c in shown]
    note = "identical" if found.same_metrics and rows else ""
    known = table(columns, rows, on=on, indent="  ") if rows else ""
    return heading("metrics", note, on=on) + known + rest + clocks(found.metrics, on=on)


def _digests(found: Comparison, *, on: Screen) -> str:
    """Whether the weights are the same, bit for bit."""
    if not found.digests:
        return ""
    if found.same_digests and all(change.a == change.b for change in found.digests):
        return heading("weights", f"the same, bit for bit ({_names([c.name for c in found.digests])})", on=on)
    rows = []
    for change in found.digests[:NAMED]:
        same = change.a == change.b
        old, new = _two(_short(change.a), _short(change.b))
        sides = [Cell("the same", "dim"), Cell(""), Cell("")] if same else [old, Cell("→", "dim"), new]
        rows.append([Cell(safe(change.name[:VALUE_LIMIT])), *sides])
    columns = [Column("", least=8), Column("", least=20), Column(""), Column("", least=20)]
    return heading("weights", on=on) + table(columns, rows, on=on, indent="  ") + rest_of(len(found.digests) - NAMED)


def _short(digest: Any) -> Any:
    """The beginning of a digest: enough to tell two apart; `show` has the whole."""
    return f"{digest[:SHOWN_DIGEST]}…" if isinstance(digest, str) and len(digest) > SHOWN_DIGEST else digest


_STATES = {  # of a saved file: sign, style, words behind a count
    "different": ("~", "yellow", "different"),
    "added": ("+", "green", "only in B"),
    "removed": ("-", "red", "only in A"),
    "moved": ("=", "dim", "the same under another path"),
    "same": ("=", "dim", "the same"),
}


def _artifacts(found: ArtifactChanges, place: Place, *, on: Screen) -> str:
    """The files that the runs saved, those that differ first, with their sizes."""
    if not found.files and not found.untold:
        return ""
    counts = [f"{found.of(state):,} {words}" for state, (_, _, words) in _STATES.items() if found.of(state)]
    counts += [f"{found.untold:,} not compared"] if found.untold else []
    rows = []
    for change in found.files[:SHOWN_ARTIFACTS]:
        sign, style, _ = _STATES[change.state]
        sides = ((change.a, change.a_size_bytes), (change.b, change.b_size_bytes))
        old, new = (size_in_words(digest, known, place) if digest else "" for digest, known in sides)
        both = (
            [Cell(old), Cell("→", "dim"), Cell(new)]
            if old and new and old != new
            else [Cell(""), Cell(""), Cell(new or old)]
        )
        path = change.path if change.was is None else f"{change.was} → {change.path}"
        rows.append([Cell(sign, style), Cell(safe(path)), *both])
    columns = [Column(""), Column("", least=20), Column("", True), Column(""), Column("", True)]
    text = heading("artifacts", ", ".join(counts), on=on)
    return text + table(columns, rows, on=on, indent="  ") + rest_of(len(found.files) - SHOWN_ARTIFACTS)


_USED: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("CPU cores, mean", "cores", "{:.2g}".format),
    ("memory, all processes", "memory_bytes", size),
    ("read from disk", "read_bytes", size),
    ("written to disk", "written_bytes", size),
    ("GPU busy", "gpu_busy_percent", "{:.0f} %".format),
    ("GPU memory", "gpu_memory_bytes", size),
)


def _cost(a: Run, b: Run, *, on: Screen) -> str:
    if a.record is None or b.record is None:
        return ""
    rows = []
    times = [a.record.duration_s, b.record.duration_s]
    memory = [a.record.peak_memory_bytes, b.record.peak_memory_bytes]
    sides: list[tuple[str, Sequence[float | None], list[str]]] = [
        ("duration", times, [duration(seconds) for seconds in times]),
        ("peak memory", memory, [size(count) for count in memory]),
    ]
    for name, field, shows in _USED:
        of = [None if run.used is None else getattr(run.used, field) for run in (a, b)]
        sides.append((name, of, ["-" if value is None else shows(value) for value in of]))
    for name, (old, new), shown in sides:
        if old is not None or new is not None:
            share = f"{(new - old) / old * 100:+.0f} %" if old and new is not None else ""
            share = (
                f"{new - old:+.0f} points" if shown[0].endswith("%") and old is not None and new is not None else share
            )
            share = "" if share.split(" ")[0] in ("+0", "-0") else share
            rows.append([Cell(name), Cell(shown[0]), Cell("→", "dim"), Cell(shown[1]), Cell(share, "dim")])
    columns = [Column(""), Column("", True), Column(""), Column("", True), Column("", True)]
    return heading("cost", on=on) + table(columns, rows, on=on, indent="  ") if rows else ""


def _problems(a: Run, b: Run, *, on: Screen) -> str:
    found = [f"{side}: {problem}" for side, run in (("A", a), ("B", b)) for problem in dict.fromkeys(run.problems)]
    if not found:
        return ""
    return on.paint("cannot be read", "bold red") + "\n" + remarks(found, on=on)
