"""Turn what is planned to explain a difference, and what came of it, into pages and into JSON."""

from __future__ import annotations

from typing import Any

from gitexp.cli.changewords import argument_name
from gitexp.cli.pageparts import LISTED, cautions, heading
from gitexp.cli.render import Cell, Column, Screen, duration, number, safe, table, value, wrap
from gitexp.errors import beyond, counted
from gitexp.history.factors import Factor
from gitexp.history.read import Run
from gitexp.history.select import SHOWN
from gitexp.pipelines.explain import CellPlan, Explanation
from gitexp.stats.attribution import Attribution, Effect, once, sentence
from gitexp.stats.finding import amount

SHOWN_IDS = 4


def plan_lines(found: Explanation) -> list[str]:
    """What would run, in a few lines."""
    factors = ", ".join(_name(factor) for factor in found.factors)
    lines = [f"  {counted(len(found.factors), 'factor')}: {factors}"]
    lacking = [one for one in found.cells if one.seeds]
    for one in lacking[:LISTED]:
        seeds = ", ".join(str(seed) for seed in one.seeds if seed is not None)
        lines.append(f"  {safe(one.words)}" + (f": seed {seeds}" if seeds else ""))
    lines += beyond(len(lacking), LISTED)
    cost = "" if found.seconds is None else f", about {duration(found.seconds)} by what A and B took"
    lines.append(f"  {counted(found.lacking, 'training')}{cost}; {_exist(found)}")
    if not _has_noise(found):
        lines.append("  one run of each shows no noise, so that no cause will be named; --repeat 2 runs more seeds")
    return lines


def _exist(found: Explanation) -> str:
    count = sum(len(one.runs) for one in found.cells)
    return f"{counted(count, 'run')} with these inputs {'is' if count == 1 else 'are'} there, A and B among them"


def plan_page(found: Explanation, *, on: Screen) -> str:
    """What there is and what is lacking, cell by cell."""
    text = _head(found, on=on) + heading("plan", "", on=on) + _cells(found, on=on)
    text += "\n".join(plan_lines(found)[-1 if _has_noise(found) else -2 :]) + "\n"
    return text + cautions(found.remarks, on=on)


def _has_noise(found: Explanation) -> bool:
    return any(len(once(one.result(found.metric))) + len(one.seeds) > 1 for one in found.cells)


def answer_page(found: Explanation, answer: Attribution, *, on: Screen) -> str:
    """The sentence, what to bear in mind, each factor's effects, and the runs behind them."""
    said = sentence(answer, found.metric, share=found.share)
    text = _head(found, on=on) + wrap(safe(said), on=on, style="bold")
    notes = [*found.remarks, *(f"{one.words}: {one.problem}" for one in found.cells if one.problem), *answer.notes]
    if answer.noise is None:
        more = max(2, *(len(once(one.result(found.metric))) for one in found.cells))
        notes.append(f"--repeat {more} trains more seeds of each, up to {more + 1}, which show the noise")
    text += cautions([*dict.fromkeys(notes)], on=on)
    names = [Column("", least=12), Column("A", least=8), Column(""), Column("B", least=8)]
    columns = [*names, Column("alone on A", right=True), Column("taken from B", right=True)]
    rows = []
    for factor, one in zip(found.factors, answer.factors, strict=True):
        effects = [Cell(_effect(effect, found.share)) for effect in (one.alone, one.taken)]
        old, new = Cell(_brief(factor.a), "red"), Cell(_brief(factor.b), "green")
        rows.append([Cell(_name(factor)), old, Cell("→", "dim"), new, *effects])
    if len(found.factors) > 1:
        empty = [Cell(""), Cell(""), Cell("")]
        rows.append([Cell("interaction"), *empty, Cell(_effect(answer.interaction, found.share)), Cell("")])
    total = [Cell(_effect(answer.total, found.share), "bold")]
    rows.append([Cell("B - A", "bold"), Cell(""), Cell(""), Cell(""), *total, Cell("")])
    text += heading(safe(found.metric), _noise(answer, found.share), on=on)
    text += table(columns, rows, on=on, indent="  ")
    return text + heading("runs", "", on=on) + _cells(found, on=on)


def _noise(answer: Attribution, share: bool) -> str:
    if answer.noise is None:
        return f"noise: {answer.why}"
    if not answer.noise.sd:
        return "noise: none, replicates are equal, or each seed does the same to every cell"
    how = answer.total.noise.method if answer.total.noise else "pooled t"
    sd = amount(answer.noise.sd, share=share)
    return f"± is the {answer.level:.0%} interval ({how}, df {answer.noise.n - 1}); one run varies by {sd}"


def _head(found: Explanation, *, on: Screen) -> str:
    lines = []
    for name, run in (("A", found.a), ("B", found.b)):
        record = run.record
        recipe = safe(record.recipe) if record else ""
        shown = number(run.metrics.get(found.metric))
        lines.append(f"{name}  {record.id[:SHOWN] if record else '?'}  {recipe}  {safe(found.metric)} {shown}")
    return "".join(wrap(line, on=on) for line in lines)


def _cells(found: Explanation, *, on: Screen) -> str:
    columns = [Column("", least=16), Column(safe(found.metric), right=True), Column("runs", least=9), Column("lacking")]
    rows = []
    for one in found.cells:
        values = [run.value for run in one.result(found.metric)]
        mean = number(sum(values) / len(values)) if values else "-"
        ids = " ".join(_id(run) for run in one.runs[:SHOWN_IDS]) + " …" * (len(one.runs) > SHOWN_IDS)
        lacking = counted(len(one.seeds), "training") if one.seeds else "no number" if one.problem else ""
        rows.append([Cell(safe(one.words)), Cell(mean), Cell(ids or "-", "yellow"), Cell(lacking, "yellow")])
    return table(columns, rows, on=on, indent="  ")


def _id(run: Run) -> str:
    return run.record.id[:SHOWN] if run.record else run.commit[:SHOWN]


def _name(factor: Factor) -> str:
    return safe(argument_name(factor.name) if factor.options else factor.name)


def _brief(item: Any) -> str:
    return "" if item is None else value(item, limit=24)


def _effect(effect: Effect, share: bool) -> str:
    if effect.estimate is None:
        return "no number"
    spread = effect.noise.half if effect.noise and effect.noise.half else None
    return amount(effect.estimate, share=share, spread=spread)


def explanation_shape(found: Explanation, answer: Attribution) -> dict[str, Any]:
    """All of it as JSON has it."""
    return {
        "metric": found.metric,
        "a": _id_of(found.a),
        "b": _id_of(found.b),
        "trainings": found.lacking,
        "seconds": found.seconds,
        "sentence": sentence(answer, found.metric, share=found.share),
        "how": answer.how,
        "causes": [answer.factors[i].name for i in answer.causes],
        "total": _shape(answer.total),
        "interaction": _shape(answer.interaction),
        "noise": {"sd": answer.noise.sd, "df": answer.noise.n - 1, "level": answer.level} if answer.noise else None,
        "factors": [
            {
                "name": one.name,
                "kind": factor.kind,
                "a": factor.a,
                "b": factor.b,
                "alone": _shape(one.alone),
                "taken": _shape(one.taken),
            }
            for factor, one in zip(found.factors, answer.factors, strict=True)
        ],
        "cells": [_cell_shape(found, one) for one in found.cells],
        "remarks": [*found.remarks, *answer.notes],
    }


def _cell_shape(found: Explanation, one: CellPlan) -> dict[str, Any]:
    return {
        "words": one.words,
        "of_b": [found.factors[i].name for i in sorted(one.cell)],
        "runs": [_id_of(run) for run in one.runs],
        "values": [{"seed": each.seed, "value": each.value} for each in one.result(found.metric)],
        "lacking": list(one.seeds),
        "problem": one.problem or None,
    }


def _id_of(run: Run) -> str | None:
    return run.record.id if run.record else None


def _shape(effect: Effect) -> dict[str, Any]:
    known = effect.noise
    interval = {"low": known.low, "high": known.high, "p": known.p} if known else {}
    return {"estimate": effect.estimate, **interval}
