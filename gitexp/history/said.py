"""What is said about runs, and what of it is in force: as SQL over the index, and for one run or several.

Of two events that contradict each other the later holds; of the same second, the one with the greater commit id. One
that is more than a day later than now comes before all others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from gitexp.history.cache import Condition
from gitexp.history.row import Event, Row

if TYPE_CHECKING:
    from gitexp.history.listing import Runs

_NOW = "CAST(strftime('%s', 'now') AS INTEGER) + 86400"
_WHEN = f"printf('%012d', CASE WHEN said > {_NOW} THEN 0 ELSE said END) || \"commit\""
# SQLite takes what stands beside a max() from the row that has it.
_STANDING = (
    f'SELECT about, kind, "commit", max({_WHEN}) AS spoken FROM events'
    " WHERE kind IN ('retract', 'reinstate') GROUP BY about"
)
RETRACTIONS = f"SELECT about, \"commit\" FROM ({_STANDING}) WHERE kind = 'retract'"
RETRACTED = Condition(f"r.id IN (SELECT about FROM ({RETRACTIONS}))")
NOT_RETRACTED = Condition(f"NOT ({RETRACTED.sql})")


def _given(kind: str, *, taken: str) -> str:
    """What was given to runs by name and not taken from them since: by a later event, or as it was given to others."""
    of = (
        f"SELECT name, about, kind, said, \"commit\" FROM events WHERE kind = '{kind}' AND name != ''"
        f" UNION ALL SELECT e.name, j.value, '', e.said, e.\"commit\" FROM events AS e, json_each(e.runs) AS j"
        f" WHERE e.kind = '{kind}' AND e.name != '' UNION ALL {taken}"
    )
    last = f'SELECT name, about, kind, "commit", max({_WHEN}) AS spoken FROM ({of}) GROUP BY name, about'
    return f"SELECT name AS value, about, \"commit\", spoken FROM ({last}) WHERE kind = '{kind}'"


TAGS = _given("tag", taken="SELECT name, about, '', said, \"commit\" FROM events WHERE kind = 'untag' AND name != ''")
BASELINES = _given(  # of a recipe has more than one where labs disagree, of which the latest holds
    "baseline",
    taken="SELECT e.name, b.about, '', e.said, e.\"commit\" FROM events AS e JOIN events AS b ON b.name = e.name"
    " WHERE e.kind = 'unbaseline' AND b.kind = 'baseline' AND e.name != ''",
)
_IN_FORCE = f"SELECT value, about, max(spoken) FROM ({BASELINES}) GROUP BY value"
_NOTES = "SELECT text AS value, about FROM events WHERE kind = 'note'"
_OUTCOMES = (
    f"SELECT outcome AS value, about, max({_WHEN}) FROM events WHERE kind = 'note' AND outcome != '' GROUP BY about"
)
SAID = {"tag": TAGS, "note": _NOTES, "outcome": _OUTCOMES}  # what conditions may ask for, of which a run has several


class Said(NamedTuple):
    """What is said of one run."""

    tags: tuple[str, ...] = ()
    notes: tuple[Event, ...] = ()  # the newest first
    retracted: Event | None = None  # None: it is not, or no more
    baseline: tuple[str, ...] = ()  # recipes whose runs are measured against it
    decisions: tuple[Event, ...] = ()  # that rest on it, the newest first

    @property
    def outcome(self) -> str:
        """What the newest note that says so says became of it."""
        return next((note.outcome for note in self.notes if note.outcome), "")

    @property
    def note(self) -> str:
        """The words of the newest note, in one line."""
        return " ".join(self.notes[0].text.split()) if self.notes else ""

    @property
    def noted(self) -> str:
        """The same with the outcome: `rejected: too good to be true`; with a dot where an older note said that."""
        between = ": " if self.notes and self.notes[0].outcome else " · "
        return between.join(filter(None, [self.outcome, self.note]))

    @property
    def reason(self) -> str | None:
        """Why it was retracted, in one line; None: it is not."""
        if self.retracted is None:
            return None
        return " ".join(self.retracted.text.split()) or "without a reason that can be read"

    @property
    def facts(self) -> dict[str, str]:
        """What tables have of it, column by column; empty: nothing was said."""
        return {"tag": ", ".join(self.tags), "outcome": self.outcome, "note": self.note, "retracted": self.reason or ""}

    @property
    def words(self) -> str:
        """All of it in one line: `[baseline] rejected: too good to be true`; of a retracted run, why."""
        tags = f"[{', '.join(self.tags)}] " if self.tags else ""
        return f"{tags}{f'retracted: {self.reason}' if self.retracted else self.noted}".strip()


NOTHING_SAID = Said()


def said_of(runs: Runs, ids: Iterable[str]) -> Mapping[str, Said]:
    """What is said of these runs, those of which nothing is left out."""
    known = dict.fromkeys(ids)
    asked = (json.dumps([*known]),)
    about = "about IN (SELECT value FROM json_each(?))"
    lines = runs.ask(f"SELECT DISTINCT * FROM events WHERE {about} ORDER BY {_WHEN} DESC", asked)
    decided = decisions(runs, known)
    if not lines and not decided:
        return {}
    events = [Event._make(line) for line in lines]
    about_runs = {event.about for event in events}.union(*(json.loads(event.runs) for event in decided))
    by_commit = {event.commit: event for event in events}
    retracted = dict(runs.ask(f'SELECT about, "commit" FROM ({RETRACTIONS}) WHERE {about}', asked))
    tags, measures = dict[str, list[str]](), dict[str, list[str]]()
    for found, source in ((tags, TAGS), (measures, _IN_FORCE)):
        for name, one in runs.ask(f"SELECT value, about FROM ({source}) WHERE {about} ORDER BY value", asked):
            found.setdefault(one, []).append(name)
    return {
        one: Said(
            tags=tuple(tags.get(one, ())),
            notes=tuple(event for event in events if event.about == one and event.kind == "note"),
            retracted=by_commit.get(retracted.get(one, "")),
            baseline=tuple(measures.get(one, ())),
            decisions=tuple(event for event in decided if one in json.loads(event.runs)),
        )
        for one in known
        if one in about_runs
    }


def retractions(said: Mapping[str, Said]) -> list[str]:
    """A sentence for each run that is retracted."""
    return [f"{one[:8]} is retracted: {those.reason}" for one, those in said.items() if those.retracted]


def decisions(runs: Runs, ids: Iterable[str] | None = None) -> list[Event]:
    """All decisions, or those that rest on these runs, the newest first."""
    wanted, values = "1", tuple[str, ...]()
    if ids is not None:
        wanted = "EXISTS (SELECT 1 FROM json_each(events.runs) AS j WHERE j.value IN (SELECT value FROM json_each(?)))"
        values = (json.dumps([*ids]),)
    asked = f"SELECT DISTINCT * FROM events WHERE kind = 'decision' AND {wanted} ORDER BY {_WHEN} DESC"
    return [Event._make(line) for line in runs.ask(asked, values)]


def tagged(runs: Runs, name: str | None = None) -> list[Event]:
    """The tags in force, or those of this name, the latest first: more than one of a name where labs disagree."""
    return _standing(runs, TAGS, name)


def baselines(runs: Runs, recipe: str | None = None) -> list[Event]:
    """The baselines that stand, or those of this recipe, the latest first: more than one where labs disagree."""
    return _standing(runs, BASELINES, recipe)


def baseline_of(runs: Runs, row: Row) -> Row | None:
    """The run that this one is measured against; None: there is none, it is that, a rerun or retracted."""
    found = baseline_for(runs, row.recipe) if row.kind not in ("smoke", "rerun") else None
    return found if found is not None and found.id != row.id else None


def baseline_for(runs: Runs, recipe: str) -> Row | None:
    """The run that those of a recipe are measured against; None: there is none, or it was retracted."""
    for event in baselines(runs, recipe):
        found = runs.rows(Condition("r.id = ? AND r.problem IS NULL", (event.about,)) & NOT_RETRACTED)
        if found:
            return max(found, key=lambda one: one.attempt)
    return None


def measured_against(runs: Runs, row: Row) -> tuple[Row | None, str]:
    """The run that this one's figures stand beside, None where it is not here; and what it is to this one."""
    if (found := baseline_of(runs, row)) is not None:
        many = len(baselines(runs, row.recipe))
        return found, "the baseline of this recipe" if many == 1 else f"the latest of {many} baselines of this recipe"
    what = "its original" if row.reproduces else "the run that it is a mixture of" if row.mixes else ""
    return runs.previous_of(row), what or "the run before it of this recipe"


def _standing(runs: Runs, source: str, name: str | None) -> list[Event]:
    wanted, values = ("value = ?", (name,)) if name is not None else ("1", ())
    asked = f'SELECT DISTINCT e.* FROM ({source}) AS t JOIN events AS e ON e."commit" = t."commit"'
    return [Event._make(line) for line in runs.ask(f"{asked} WHERE {wanted} ORDER BY t.spoken DESC", values)]
