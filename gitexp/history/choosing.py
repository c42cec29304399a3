"""Turn what people type for several runs into rows: words for runs, a condition, or both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from gitexp.errors import GitexpError, counted
from gitexp.history.cache import EVERY, Condition, of_commits
from gitexp.history.listing import Runs
from gitexp.history.row import Row
from gitexp.history.said import NOT_RETRACTED
from gitexp.history.select import History, UnknownRun
from gitexp.history.where import asks_for, condition, looks_like_one

NO_SMOKE = Condition("r.kind != 'smoke'")
READABLE = Condition("r.problem IS NULL")
_AGAIN = "SELECT id FROM runs WHERE attempt > 1"
_LAST_ATTEMPT = Condition(
    f"(r.id NOT IN ({_AGAIN}) OR r.attempt = (SELECT max(o.attempt) FROM runs AS o WHERE o.id = r.id))"
)


def choose(
    history: History,
    words: Sequence[str] = (),
    *,
    where: str = "",
    smoke: bool = False,
    retracted: bool = False,
    attempts: bool = False,
    remote: str | None = None,
) -> list[Row]:
    """The runs that the words name, in their order, or all, the newest first; of these those that `where` fits.

    A word is a RUN, `A..B` (both and all between them by time), several with commas, `@RECIPE`, or a condition. Without
    words smoke runs, retracted ones, and earlier attempts of a run are left out unless asked for; a run that a word
    names is there. Raises UnknownRun, AmbiguousRun, and GitexpError for a condition that cannot be read.
    """
    history = history.at(remote)
    runs = history.runs
    retracted = retracted or any(looks_like_one(word) and asks_for(word, "retracted") for word in words)
    wanted = chosen_by(runs, where=where, smoke=smoke, retracted=retracted, attempts=attempts)
    if not words:
        return runs.rows(wanted)
    named = dict[str, Row]()
    for word in words:
        for row in _of_word(history, word, wanted):
            named.setdefault(row.commit, row)
    if not where:
        return [*named.values()]
    runs = history.seen
    fitting = runs.values('r."commit"', of_commits(named) & _typed(runs, where))
    fits = {commit for (commit,) in fitting}
    return [row for row in named.values() if row.commit in fits]


def repeats(rows: Sequence[Row]) -> set[str]:
    """The commits of reruns whose original is among these runs: they say it once more, and are no replicates of it."""
    ids = {row.id for row in rows}
    return {row.commit for row in rows if row.reproduces in ids and row.reproduces != row.id}


def without_repeats(rows: Sequence[Row], *, of: str = "runs that are there") -> tuple[list[Row], list[str]]:
    """The other runs, and a sentence where there are such. `of`: whose they are."""
    again = repeats(rows)
    said = [f"{counted(len(again), 'rerun')} of {of}: left out, as no replicates"] if again else []
    return [row for row in rows if row.commit not in again], said


def chosen_by(
    runs: Runs, *, where: str = "", smoke: bool = False, retracted: bool = False, attempts: bool = False
) -> Condition:
    """The condition that these options are."""
    found = _typed(runs, where) if where else EVERY
    found = found if smoke else found & NO_SMOKE
    found = found if retracted or asks_for(where, "retracted") else found & NOT_RETRACTED
    return found if attempts else found & _LAST_ATTEMPT


def _typed(runs: Runs, where: str) -> Condition:
    return condition(where, cache(runs.keys))


def means_several(word: str) -> bool:
    """Whether a word is a selection, and no RUN."""
    return word[:1] == "@" or "," in word or ".." in word or looks_like_one(word)


def _of_word(history: History, word: str, wanted: Condition) -> list[Row]:
    runs = history.runs
    if word[:1] == "@":
        of_recipe = Condition("r.recipe = ?", (word[1:],))
        if runs.count(of_recipe):
            return runs.rows(of_recipe & wanted & READABLE)
        from gitexp.text.schema import near

        names = sorted(str(name) for (name,) in runs.values("DISTINCT r.recipe"))
        raise UnknownRun(f"There is no run of a recipe {word[1:]!r}{near(word[1:], names)}", fix="gitexp log")
    first, dots, last = word.partition("..")
    if dots and first.strip("."):
        return _between(history, first, last.strip(".") or "latest", wanted)
    if looks_like_one(word):
        return runs.rows(_typed(runs, word) & wanted & READABLE)
    if "," in word:
        return [row for part in word.split(",") if part.strip() for row in _of_word(history, part.strip(), wanted)]
    return [history.select(word)]


def _between(history: History, first: str, last: str, wanted: Condition) -> list[Row]:
    a, b = history.select(first), history.select(last)
    if a.order > b.order:
        raise GitexpError(f"{first} ended after {last}", fix=f"{last}..{first}")
    order = "(r.ordered, r.finished, r.id, r.attempt)"
    return history.seen.rows(Condition(f"{order} BETWEEN (?, ?, ?, ?) AND (?, ?, ?, ?)", (*a.order, *b.order)) & wanted)
