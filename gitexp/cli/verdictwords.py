"""A verdict in plain lines: the grade, how much was compared, where the two part, which inputs differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gitexp.cli.pageparts import Fact
from gitexp.cli.render import VALUE_LIMIT, ago, coloured, safe
from gitexp.errors import and_more, counted
from gitexp.history.reproduced import where
from gitexp.history.row import Row
from gitexp.history.select import SHOWN as LETTERS
from gitexp.record.identity import PASSES
from gitexp.record.message import short
from gitexp.record.verdict import Counts, Divergence, InputDifference, Verdict

SHOWN = 5
SHOWN_RERUNS = 10
DECLARED = "gitexp run --data NAME=PATH records what a program reads"
UNRECORDED = "stdin, further variables, the network and what is neither code nor data are in no record"
COUNTED = {
    "values": ("logged value", ""),
    "summary": ("final value", ""),
    "digests": ("digest of weights", "digests of weights"),
    "artifacts": ("artifact", ""),
}


def verdict_lines(verdict: Verdict, *, mixture: bool) -> list[str]:
    """One line with the grade; then the first divergence, and the inputs that differ, if there are any.

    `mixture`: it is of a run that reproduces none, and is only held against the one of which it has the most.
    """
    grade = coloured(verdict.grade, style_of(verdict.grade))
    attempt = f"/{verdict.attempt}" if verdict.attempt > 1 else ""
    how = "reproduces" if verdict.passes else "does not reproduce"
    if mixture:
        how, grade = "held against", verdict.grade
    elif verdict.grade == "inconclusive":
        how = "says nothing of"
    lines = [f"{how} {verdict.run}{attempt}: {grade}"]
    if compared := compared_in_words(verdict.compared):
        lines[0] += f", {compared} compared"
    if verdict.reason:
        lines[0] += f"; {safe(verdict.reason)}"
    return [*lines, *_details(verdict)]


def style_of(grade: str) -> str:
    """The colour of a grade."""
    return "green" if grade in PASSES else "yellow" if grade == "inconclusive" else "red"


def verdict_facts(verdict: Verdict) -> Iterator[Fact]:
    """The same as facts on the page of the rerun."""
    reason = f": {safe(verdict.reason[:VALUE_LIMIT])}" if verdict.reason else ""
    compared = compared_in_words(verdict.compared)
    yield (
        "verdict",
        f"{verdict.grade}{reason}" + (f"  ({compared} compared)" if compared else ""),
        style_of(verdict.grade),
    )
    for line in _details(verdict):
        yield "", line[:VALUE_LIMIT], ""


def rerun_facts(reruns: Sequence[Row], *, now: float) -> Iterator[Fact]:
    """On the page of a run, what its reruns came to: of each who did it, on what, and the grade."""
    if not reruns:
        return
    passed = len({row.id for row in reruns if row.grade in PASSES})
    tried = len({row.id for row in reruns})
    times = counted(passed, "time") if passed == tried else f"{passed} of {counted(tried, 'time')}"
    yield "reproduced", times, style_of(reruns[0].grade)
    for row in reruns[:SHOWN_RERUNS]:
        yield (
            "",
            f"{row.grade} by {safe(row.author)} {safe(where(row))}, {ago(row.finished, now=now)}: {row.id[:LETTERS]}",
            "",
        )
    if len(reruns) > SHOWN_RERUNS:
        yield (
            "",
            f"and {len(reruns) - SHOWN_RERUNS} more: gitexp log --where 'reproduces == \"{reruns[0].reproduces}\"'",
            "dim",
        )


def _details(verdict: Verdict) -> list[str]:
    lines = []
    if verdict.divergence:
        lines.append("first differs: " + divergence_in_words(verdict.divergence))
    if verdict.inputs_count:
        named = "; ".join(input_in_words(one) for one in verdict.inputs[:SHOWN])
        lines.append(f"inputs that differ: {named}{and_more(verdict.inputs_count, SHOWN)}")
    if absent := _absent(verdict):
        lines.append(f"not there: {safe(absent)}, which is neither code nor data of the record; {DECLARED}")
    elif not verdict.inputs_count and verdict.grade in ("different", "failed") and not verdict.missing:
        lines.append(f"inputs that differ: none that is recorded; {UNRECORDED}")
    lines += [f"not compared: {safe(sentence)}" for sentence in verdict.missing[:SHOWN]]
    return lines


def _absent(verdict: Verdict) -> str | None:
    """The file below its folder that the rerun did not find, where the original ended otherwise."""
    ending = verdict.ending
    found = re.search(r"No such file or directory: '((?![./])[^']+|\./[^']+)'", ending.rerun) if ending else None
    return found[1] if ending and found and found[0] not in ending.original else None


def compared_in_words(counts: Counts) -> str:
    """`12 logged values and 2 artifacts`; "" where there was nothing."""
    parts = [counted(n, *COUNTED[name]) for name, n in counts._asdict().items() if n > 0]
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def divergence_in_words(found: Divergence) -> str:
    """`loss at step 3: 0.5, then 0.25`."""
    where = f" at step {found.step}" if found.step is not None else f" in row {found.row}" if found.row else ""
    a, b = ("not logged" if value is None else short(value) for value in (found.original, found.rerun))
    if a == b:
        a, b = repr(found.original), repr(found.rerun)
    return f"{safe(found.metric)}{where}: {a}, then {b}"


def input_in_words(one: InputDifference) -> str:
    """`packages numpy 2.1.0 → 2.2.0`."""
    letters = LETTERS if one.kind == "code" else None  # those of a tree, as git abbreviates them
    both = [value[:letters] if value else "(none)" for value in (one.original, one.rerun)]
    values = f" {' → '.join(both)}" if one.original or one.rerun else ""
    return safe(" ".join(filter(None, [one.kind, one.name])) + values)
