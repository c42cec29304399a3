"""Columns that somebody chose, of runs or of groups; and a table as Markdown, LaTeX or CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gitexp.cli.render import Cell, Column, Screen, duration, number, safe, stamp, table
from gitexp.cli.runtable import Filled, metric_names
from gitexp.cli.settingcolumns import setting_column, varying
from gitexp.errors import GitexpError
from gitexp.history.differing import short_names
from gitexp.history.listing import Runs
from gitexp.history.row import Row
from gitexp.history.said import NOTHING_SAID, said_of
from gitexp.history.select import SHOWN
from gitexp.record.metricnames import is_setting

Figure = Callable[[float | int | None], str]

FACTS: dict[str, Callable[[Row], str]] = {
    "run": lambda row: row.id,
    "commit": lambda row: row.commit,
    "attempt": lambda row: str(row.attempt),
    "finished": lambda row: stamp(row.finished),
    "author": lambda row: safe(row.author),
    "status": lambda row: safe(row.status),
    "recipe": lambda row: safe(row.recipe),
    "kind": lambda row: safe(row.kind),
    "duration": lambda row: duration(row.duration_s),
    "message": lambda row: safe(row.message or ""),
    "clean": lambda row: "yes" if row.clean else "no",
    "code": lambda row: (row.code or "-")[:10],
    "replicates": lambda row: row.alike[:8] or "-",
    "hardware": lambda row: safe(row.hardware) or "-",
    "reproduces": lambda row: safe(row.reproduces[:SHOWN]) or "-",
    "verdict": lambda row: row.grade or "-",
}


def exact(value: float | int | None) -> str:
    """A number with all its digits; nothing where there is none."""
    return "" if value is None else repr(value)


def chosen_columns(runs: Runs, rows: Sequence[Row], names: str, *, figure: Figure = number) -> list[Filled]:
    """Those columns, in their order, the run first; `figure` writes metrics. Raises GitexpError for what no run has."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    metrics, settings = runs.keys("metric"), ["seed", *runs.keys("setting")]
    known = [key for key in dict.fromkeys([*metrics, *settings])]
    found = [_fact("run", rows)]
    for name in wanted:
        if name in FACTS:
            found += [_fact(name, rows)] if name != "run" else []
            continue
        if name in NOTHING_SAID.facts:
            said = said_of(runs, [row.id for row in rows])
            words = (said.get(row.id, NOTHING_SAID).facts[name] for row in rows)
            found.append((Column(name), [Cell(safe(" ".join(text.split())) or "-") for text in words]))
            continue
        ends = [key for key in known if key.endswith(f".{name}")]
        key = name if name in known or len(ends) != 1 else ends[0]
        if key in metrics and key in settings:
            found.append(_metric(key, rows, figure))
            column, cells = setting_column(rows, key, key, whole=True)
            found.append((column._replace(name=f"{column.name} (setting)"), cells))
        elif key in metrics:
            if is_setting(key):  # a rate that was logged: what was set is meant at least as often
                found += [setting_column(rows, end, end, whole=True) for end in ends if end in settings]
            found.append(_metric(key, rows, figure))
        elif key in settings:
            found.append(setting_column(rows, key, key, whole=True))
        else:
            from gitexp.text.schema import near

            hint = (
                f"; there are {', '.join(ends[:6])}"
                if ends
                else near(name, [*FACTS, *NOTHING_SAID.facts, *known, *(key.rpartition(".")[2] for key in known)])
            )
            raise GitexpError(f"No column can be made of {name!r}: no run has it{hint}", fix="gitexp log --csv")
    return found


def usual_columns(rows: Sequence[Row]) -> list[Filled]:
    """What a paper's table has: the run, the settings that differ, every metric but slices."""
    differ, _ = varying(rows)
    metrics = metric_names(rows, {})
    settings = [setting_column(rows, key, name, whole=True) for key, name in short_names(differ, taken=metrics).items()]
    recipe = [_fact("recipe", rows)] if len({row.recipe for row in rows}) > 1 else []
    status = [_fact("status", rows)] if {row.status for row in rows} != {"completed"} else []
    return [_fact("run", rows), *recipe, *status, *settings, *(_metric(name, rows) for name in metrics)]


def _fact(name: str, rows: Sequence[Row]) -> Filled:
    return Column(name), [Cell(FACTS[name](row)) for row in rows]


def _metric(name: str, rows: Sequence[Row], figure: Figure = number) -> Filled:
    return Column(safe(name), right=True), [Cell(figure(row.metrics.get(name))) for row in rows]


# ---- as text


def as_text(columns: Sequence[Filled], form: str | None, *, on: Screen) -> str:
    """The table; `form`: markdown, latex, csv, or None for one on a screen."""
    heads = [column.name for column, _ in columns]
    lines = [[cell.text for cell in line] for line in zip(*(cells for _, cells in columns), strict=True)]
    if form == "markdown":
        return _markdown(columns, heads, lines)
    if form == "latex":
        return _latex(columns, heads, lines)
    if form == "csv":
        from gitexp.cli.shapes import csv_lines

        return csv_lines([heads, *([cell if cell != "-" else "" for cell in line] for line in lines)])
    return table([column for column, _ in columns], zip(*(cells for _, cells in columns), strict=True), on=on)


def _markdown(columns: Sequence[Filled], heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_literal(cell) for cell in cells) + " |\n"

    rule = "|" + "|".join("---:" if column.right else "---" for column, _ in columns) + "|\n"
    return line(heads) + rule + "".join(map(line, lines))


def _literal(text: str) -> str:
    """Text that Markdown takes as it stands."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#~" else char for char in text)


_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "…": r"\ldots{}", "–": "--",
    "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


def _latex(columns: Sequence[Filled], heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "  " + " & ".join("".join(_LATEX.get(char, char) for char in cell) for cell in cells) + r" \\" + "\n"

    places = "".join("r" if column.right else "l" for column, _ in columns)
    body = "".join(map(line, lines))
    return (
        f"\\begin{{tabular}}{{{places}}}\n  \\toprule\n{line(heads)}  \\midrule\n{body}  \\bottomrule\n"
        "\\end{tabular}\n"
    )
