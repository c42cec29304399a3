"""Turn a comparison of two groups, or of several single runs, into the page of `gitexp diff`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gitexp.cli.changewords import argument_name
from gitexp.cli.deltas import by_how_much
from gitexp.cli.pageparts import LISTED, cautions, fact_table, heading, rest_of, status_cell
from gitexp.cli.render import VALUE_LIMIT, Cell, Column, Screen, number, safe, table, text_width, value, wrap
from gitexp.errors import and_more, counted
from gitexp.history.groupcompare import GroupComparison, ManyRuns, MetricFinding, is_slice
from gitexp.history.row import Row
from gitexp.history.select import SHOWN
from gitexp.stats.finding import amount, between
from gitexp.stats.power import POWER
from gitexp.stats.summary import Summary

SHOWN_VALUES = 20  # of a side
SHOWN_RUNS = 12  # by id
IN_FULL = 3  # metrics, where none has a goal


def group_page(sides: tuple[Sequence[Row], Sequence[Row]], found: GroupComparison, *, on: Screen) -> str:
    """Who is compared, what is found, what to bear in mind, what was set otherwise, then the figures."""
    slices = [one for one in found.metrics if is_slice(one.name)]
    slices = slices if len(slices) < len(found.metrics) else []  # there is nothing else to show
    whole = [one for one in found.metrics if one not in slices]
    full = [one for one in whole if one.goal] or whole[:IN_FULL]
    rest = [one for one in whole if one not in full]
    text = "".join(_side(name, rows, seeds, on=on) for name, rows, seeds in zip("AB", sides, found.seeds, strict=True))
    for one in full:
        style = {"better": "bold green", "worse": "bold red"}.get(one.claim, "bold")
        text += wrap(f"{safe(one.name)}: {safe(one.sentence)}", on=on, style=style)
    text += cautions(found.unfair, on=on)
    text += heading("settings", "" if found.between else "the same", on=on)
    rows = [
        [Cell(_setting(name)), Cell(_values(old), "red"), Cell("→", "dim"), Cell(_values(new), "green")]
        for name, old, new in found.between[:LISTED]
    ]
    columns = [Column("", least=12), Column("", least=12), Column(""), Column("", least=12)]
    text += table(columns, rows, on=on, indent="  ") + rest_of(len(found.between) - LISTED)
    for one in full[:LISTED]:
        text += _figures(one, on=on)
    return text + _others("other metrics", rest, on=on) + _slices(slices, on=on)


def _side(name: str, rows: Sequence[Row], seeds: Sequence[int | None], *, on: Screen) -> str:
    ids = [row.id[:SHOWN] for row in rows[:SHOWN_RUNS]]
    recipes = list(dict.fromkeys(safe(row.recipe) for row in rows))
    known = sorted({seed for seed in seeds if seed is not None})
    said = f"seeds {', '.join(map(str, known[:SHOWN_RUNS]))}{and_more(len(known), SHOWN_RUNS)}" if known else "no seeds"
    names = f"{' '.join(ids)}{and_more(len(rows), SHOWN_RUNS)}"
    return wrap(f"{name}  {counted(len(rows), 'run')} of {', '.join(recipes[:3])}  {said}  ({names})", on=on)


def _figures(one: MetricFinding, *, on: Screen) -> str:
    """Every value, n, mean, sd and range of both sides; then what is known of the difference."""
    found = one.finding
    rows = []
    for name, side, values in zip("AB", (found.a, found.b), one.values, strict=True):
        shown = " ".join(number(item) for item in values[:SHOWN_VALUES]) + and_more(len(values), SHOWN_VALUES)
        rows.append([Cell(name, "bold"), Cell(str(side.n)), Cell(number(side.mean), "bold"), Cell(number(side.sd))])
        rows[-1] += [Cell(_range(side)), Cell(shown)]
    columns = [Column(""), *(Column(name, right=True) for name in ("n", "mean", "sd")), Column("range")]
    goal = f"goal: {one.goal}" if one.goal else "no goal is stated"
    text = heading(safe(one.name), goal, on=on) + table(
        [*columns, Column("values", least=12)], rows, on=on, indent="  "
    )
    return text + fact_table([("  " + name, fact, "") for name, fact in _facts(one)], on=on)


def _facts(one: MetricFinding) -> list[tuple[str, str]]:
    found, difference = one.finding, one.finding.difference
    facts = []
    if difference is None:
        facts.append(("difference", f"no interval: {found.why}"))
        if found.models is not None:
            estimate = amount(found.models.estimate, share=one.share, spread=found.models.half)
            interval = f"{found.level:.0%} interval {between(found.models.low, found.models.high, share=one.share)}"
            facts.append(
                ("these two models", f"{estimate} ({interval}; {found.models.method}, {found.examples:,} of them)")
            )
    else:
        estimate = amount(difference.estimate, share=one.share, spread=difference.half)
        interval = f"{found.level:.0%} interval {between(difference.low, difference.high, share=one.share)}"
        facts.append(("B - A", f"{estimate} ({interval}; {difference.method}, df {difference.df:.3g})"))
        holm = (
            f"; among {one.metrics} metrics {one.p_holm:.2g} (Holm)"
            if one.metrics > 1 and one.p_holm is not None
            else ""
        )
        facts.append(("p", f"{difference.p:.2g}{holm}"))
    if found.bca is not None:
        facts.append(("BCa bootstrap", between(*found.bca, share=one.share)))
    if found.superiority is not None:
        which = ("P(B < A)", 1 - found.superiority) if one.goal == "min" else ("P(B > A)", found.superiority)
        facts.append((which[0], f"{which[1]:.2f}, of all pairs of a run of each; ties count half"))
    if found.smallest is not None and difference is not None:
        facts.append(("smallest effect", f"{amount(found.smallest, share=one.share)}, with power {POWER}"))
        if found.examples:
            facts.append(("examples", f"{found.examples:,}, the same in all runs: their noise is in the interval, too"))
        needed = (
            f"about {found.needed:,} a side"
            if found.needed
            else "more than 10,000 a side"
            if difference.estimate and not found.examples
            else ""
        )
        if needed:
            facts.append(("seeds needed", f"{needed} for a difference as large as this one, with power {POWER}"))
        p = found.permutation_p
        facts.append(("permutation p", f"{p:.2g}, exact" if p is not None else f"none: {found.no_permutation}"))
    return facts + [("note", safe(note)) for note in found.notes]


def _range(side: Summary) -> str:
    return "-" if side.n == 0 else f"{number(side.least)} to {number(side.most)}"


def _slices(slices: Sequence[MetricFinding], *, on: Screen) -> str:
    """Those that differ by more than their noise, and how many do not."""
    told = [one for one in slices if one.claim]
    silent = counted(len(slices) - len(told), "slice")
    text = _others("slices", told, on=on)
    if len(told) == len(slices):
        return text
    return text + wrap(f"{silent} {'without a claim' if told else 'and no claim of any'}; --json has all", on=on)


def _others(title: str, rest: Sequence[MetricFinding], *, on: Screen) -> str:
    """Metrics, a line each."""
    if not rest:
        return ""
    rows = []
    for one in rest[:LISTED]:
        found = one.finding
        sides = [f"{number(side.mean)} ± {number(side.sd)}" for side in (found.a, found.b)]
        interval = (
            between(found.difference.low, found.difference.high, share=one.share) if found.difference else found.why
        )
        rows.append(
            [Cell(safe(one.name)), Cell(sides[0]), Cell(sides[1]), Cell(interval), Cell(one.claim or "no claim")]
        )
    names = ("A, mean ± sd", "B, mean ± sd", "B - A, interval", "B is")
    columns = [
        Column("", least=12),
        Column(names[0], True),
        Column(names[1], True),
        Column(names[2], least=10),
        Column(names[3]),
    ]
    return heading(title, on=on) + table(columns, rows, on=on, indent="  ") + rest_of(len(rest) - LISTED)


def many_page(rows: Sequence[Row], found: ManyRuns, *, on: Screen) -> str:
    """What is common, once; then what differs, runs as columns where there is room, else as rows."""
    first = [Cell("", "dim"), *(Cell(row.id[:SHOWN], "yellow") for row in rows)]
    lines = [first, [Cell("status"), *(status_cell(row.status) for row in rows)]]
    for setting in found.settings[:LISTED]:
        lines.append([Cell(_setting(setting.name)), *(Cell(_brief(item)) for item in setting.values)])
    for name, _, share, values in found.metrics[:LISTED]:
        lines.append([Cell(safe(name), "bold"), *(Cell(_metric(item, values[0], share)) for item in values)])
    widths = [max(text_width(line[at].text) for line in lines) for at in range(len(first))]
    if sum(widths) + 2 * len(widths) > (on.width or 120):
        lines = [list(line) for line in zip(*lines, strict=True)]
    text = wrap(f"the same in all: {', '.join(map(safe, found.same)) or 'nothing'}", on=on)
    text += cautions(found.unfair, on=on)
    text += table([Column("", least=8 if at == 0 else 0) for at in range(len(lines[0]))], lines, on=on)
    text += rest_of(max(len(found.settings), len(found.metrics)) - LISTED)
    return (
        text
        + on.paint(
            "single runs: the noise is not known, and what stands behind a value is its distance "
            f"from {rows[0].id[:SHOWN]}",
            "dim",
        )
        + "\n"
    )


def _metric(item: float | int | None, first: float | int | None, share: bool) -> str:
    if item is None or first is None or item == first or (delta := item - first) != delta:
        return number(item)
    return f"{number(item)}  {by_how_much(delta, share=share)}"


def _setting(name: str) -> str:
    return safe(argument_name(name)[:VALUE_LIMIT]) if name.startswith("-") else safe(name[:VALUE_LIMIT])


def _brief(item: Any) -> str:
    return "(none)" if item is None else value(item, limit=40)


def _values(items: Sequence[Any]) -> str:
    return ", ".join(map(_brief, items[:SHOWN_RUNS])) + and_more(len(items), SHOWN_RUNS)
