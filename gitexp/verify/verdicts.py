"""verdict.toml held against section 12: it says of two records what comparing them once more comes to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.history.historyfile import Whole
from gitexp.history.judging import judge
from gitexp.history.read import Run
from gitexp.record.identity import as_plain
from gitexp.record.verdict import Verdict, dump_verdict, load_verdict
from gitexp.text.schema import spell

# What follows from the two records alone. The tests depend on the branch, and sentences on who wrote them.
COMPARED = ("ending", "compared", "different", "rows", "divergence", "finals", "names", "declared", "not_compared")
BY_TESTS = ("equivalent", "inconclusive", "different")


def verdict_problems(reader: ObjectReader, rerun: Run, original: Run | None, whole: Whole | None) -> Iterator[str]:
    """`original`: None where it is not here. `whole`: all that was logged; None: not at hand."""
    if rerun.verdict is None:
        yield from ([what for what in rerun.problems if what.startswith("verdict")] or ["cannot be read"])
        return
    if original is not None:
        yield from _computed(reader, rerun, rerun.verdict, original, whole)


def samples(*runs: Run) -> bool:
    """Whether git has less than all that one of them logged."""
    return any(run.record and run.record.history and run.record.history.kept < run.record.history.rows for run in runs)


def _computed(reader: ObjectReader, rerun: Run, said: Verdict, original: Run, whole: Whole | None) -> Iterator[str]:
    about = original.record
    if about is None or (about.id, about.attempt) != (said.run, said.attempt):
        yield f"{original.commit[:12]} is no record of {said.run}, attempt {said.attempt}"
        return
    wholes = [whole, lambda run: None] if whole and samples(original, rerun) else [lambda run: None]
    found = [_again(reader, original, rerun, one) for one in wholes]
    if not any(one is None for one in found):
        problems = [list(_differing(said, one)) for one in found if one is not None]
        yield from min(problems, key=len)


def _again(reader: ObjectReader, original: Run, rerun: Run, whole: Whole) -> Verdict | None:
    try:
        return load_verdict(dump_verdict(judge(reader, original, rerun, whole=whole, replicates=None)))
    except GitexpError:  # of what cannot be compared at all
        return None


def _differing(said: Verdict, found: Verdict) -> Iterator[str]:
    stated, computed = as_plain(said), as_plain(found)
    for part in COMPARED:
        if not _same(stated.get(part), computed.get(part)):
            yield f"{part} is {_shown(stated.get(part))}, by the two records it is {_shown(computed.get(part))}"
            return
    beyond = any(not final.within for final in found.finals)
    tested = beyond and said.grade in BY_TESTS and found.grade in BY_TESTS
    elsewhere = said.grade == "failed" and len(said.missing) > len(found.missing)  # modules, of which no record tells
    if said.grade != found.grade and not tested and not elsewhere:
        yield f"the grade is {said.grade}, by the two records it is {found.grade}"


def _same(a: Any, b: Any) -> bool:
    return a == b or repr(a) == repr(b)  # of NaN


def _shown(value: Any) -> str:
    return "not there" if value is None else spell(value) if not isinstance(value, dict | list) else str(value)[:200]
