"""verdict.toml as named tuples, and back: what a rerun says of the run that it repeats. Anybody may have written it.

Opens nothing and judges nothing: `history/judging.py` does. `docs/format.md` specifies it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from gitexp.record.digests import Oid
from gitexp.record.identity import GRADES as GRADES
from gitexp.record.identity import PASSES as PASSES
from gitexp.record.identity import VERDICT as VERDICT
from gitexp.record.identity import RunId, as_plain
from gitexp.record.message import ending
from gitexp.record.runrecord import RunRecord, take
from gitexp.text.bounded import Unreadable, load_tables

MOST = 100  # entries of each list


class Ending(NamedTuple):
    """How the two came to their end, in words: `completed`, `failed (exit code 1): ValueError: no rows`."""

    original: str
    rerun: str


class Counts(NamedTuple):
    """How many of each were compared, or differ."""

    values: int = 0  # of history.csv
    summary: int = 0  # of metrics.toml
    digests: int = 0  # of run.toml's [digests]: weights, fitted state
    artifacts: int = 0

    @property
    def total(self) -> int:
        """All together."""
        return sum(self)


class Rows(NamedTuple):
    """Rows of the histories: how many were logged that count, and how many of the original were compared."""

    original: int
    rerun: int
    compared: int


class Divergence(NamedTuple):
    """The first value in which the histories part, by the original's rows. None: not logged there."""

    metric: str
    step: int | None = None  # None: the program gave none
    row: int | None = None  # of the original's history, from 1; None: only the rerun has it
    original: float | int | None = None
    rerun: float | int | None = None


class InputDifference(NamedTuple):
    """Something that went in and was not the same. None: not there, or not recorded."""

    kind: str  # code, recipe, argument, data, rows, seed, or a group of the environment
    name: str = ""  # of the key, dataset, package
    original: str | None = None
    rerun: str | None = None


class Final(NamedTuple):
    """A metric whose summary value differs."""

    metric: str
    original: float | int | None = None
    rerun: float | int | None = None
    allowed: float | None = None  # how far they may be apart
    tolerance: str | None = None  # that as it was stated: `0.005`, `1%`
    within: bool = False


class Equivalence(NamedTuple):
    """Two one-sided tests of a metric over the replicates on both sides."""

    metric: str
    originals: int  # independent runs
    reruns: int
    difference: float  # of the means, reruns less originals
    low: float  # of the 90 % interval
    high: float
    allowed: float
    p: float  # the larger of the two one-sided
    equivalent: bool
    apart: bool = False  # it is known to be beyond


class Verdict(NamedTuple):
    """What comparing a rerun with its original came to."""

    run: RunId
    attempt: int
    commit: str  # `sha1:…`
    grade: str
    reason: str = ""  # a sentence
    ending: Ending | None = None
    compared: Counts = Counts()
    different: Counts = Counts()
    rows: Rows | None = None
    divergence: Divergence | None = None
    inputs_count: int = 0
    inputs: tuple[InputDifference, ...] = ()  # the first of them
    finals: tuple[Final, ...] = ()
    tests: tuple[Equivalence, ...] = ()
    names: tuple[str, ...] = ()  # of digests and artifacts that differ
    declared: tuple[str, ...] = ()  # patterns of metrics that the recipe says are not to be compared
    not_compared: tuple[str, ...] = ()  # metrics that were not, for these or as clocks
    missing: tuple[str, ...] = ()  # sentences: what could not be compared, and why

    @property
    def passes(self) -> bool:
        """Whether the run was reproduced."""
        return self.grade in PASSES


def dump_verdict(verdict: Verdict) -> str:
    """The text of verdict.toml. What is None or empty is left out."""
    import tomli_w

    return tomli_w.dumps(as_plain(_bounded(verdict)))


def load_verdict(text: str) -> Verdict:
    """Parse anybody's verdict.toml. Raises Unreadable."""
    table = load_tables(text, where=VERDICT)
    try:
        known = {name: load(table[name]) if name in table else None for name, load in _PARTS.items()}
        verdict: Verdict = take(
            Verdict, {**table, **{name: value for name, value in known.items() if value is not None}}
        )
        if verdict.grade not in GRADES:
            raise ValueError(f"{verdict.grade[:40]!r} is not a grade")
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"{VERDICT} breaks the record format: {error}") from error
    return _bounded(verdict)


def load_verdict_of(run: RunRecord, text: str) -> Verdict:
    """That of a rerun, or of a mixture. Raises Unreadable, too, where it says what its own run.toml contradicts."""
    verdict = load_verdict(text)
    if why := _contradiction(run, verdict):
        raise Unreadable(f"{VERDICT} {why}")
    return verdict


def says_why(ending: str) -> bool:
    """Whether the words of an ending have the last line of a traceback: that a program fails again is little."""
    return ending.startswith("failed") and ": " in ending


def _contradiction(run: RunRecord, verdict: Verdict) -> str | None:
    """Why it counts for nothing."""
    about = run.reproduces or (run.mixture.of if run.mixture else None)
    if run.kind != "rerun" or about is None:
        return "counts for nothing: by its run.toml the run is no rerun"
    if verdict.run != about:
        return f"is about {verdict.run}, run.toml says that it is of {about}"
    if about == run.id or not Oid(verdict.commit).right:
        return "counts for nothing: it names no commit of another run"
    words, ended = ending(run), verdict.ending or Ending("completed", "completed")
    alike = ended.rerun == words if words == "completed" else ended.rerun.startswith(words)
    if not alike and (verdict.ending or verdict.passes):
        return f"counts for nothing: it says that the rerun ended as {ended.rerun[:80]}, run.toml {words}"
    if verdict.passes and verdict.compared.total <= 0 and not says_why(ended.original):
        return f"counts for nothing: nothing was compared, and it says {verdict.grade}"
    return None


def _bounded(verdict: Verdict) -> Verdict:
    lists = ("inputs", "finals", "tests", "names", "declared", "not_compared", "missing")
    return verdict._replace(**{name: getattr(verdict, name)[:MOST] for name in lists})


def _some(kind: type[Any], stated: Any) -> tuple[Any, ...]:
    if not isinstance(stated, list):
        raise TypeError(f"{kind.__name__.lower()} must be an array of tables")
    return tuple(take(kind, one) for one in stated[:MOST])


_PARTS: Mapping[str, Any] = {
    "ending": partial(take, Ending),
    "compared": partial(take, Counts),
    "different": partial(take, Counts),
    "rows": partial(take, Rows),
    "divergence": partial(take, Divergence),
    "inputs": partial(_some, InputDifference),
    "finals": partial(_some, Final),
    "tests": partial(_some, Equivalence),
}
