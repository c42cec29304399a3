"""How often runs were reproduced, and by which reruns: what the verdicts of records say that count.

A verdict counts that can be read, that its own run.toml does not contradict, and that names the original's commit.
Reruns that were retracted say nothing any more, nor do earlier attempts of one that went on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gitexp.history.cache import Condition
from gitexp.history.row import Event, Row
from gitexp.history.said import RETRACTIONS
from gitexp.record.identity import GRADES, PASSES

if TYPE_CHECKING:
    from gitexp.history.listing import Runs

_PASSING = ", ".join(f"'{grade}'" for grade in PASSES)
_LATER = "SELECT 1 FROM runs AS l WHERE l.id = {0}.id AND l.attempt > {0}.attempt"
_COUNTS = f"{{0}}.judged != '' AND {{0}}.id NOT IN (SELECT about FROM ({RETRACTIONS})) AND NOT EXISTS ({_LATER})"
_TALLY = (
    f"SELECT o.judged, o.reproduces, count(DISTINCT CASE WHEN o.grade IN ({_PASSING}) THEN o.id END) AS passed,"
    f" count(DISTINCT o.id) AS tried FROM runs AS o WHERE {_COUNTS.format('o')}{{0}} GROUP BY o.judged, o.reproduces"
)
# In SQL, of a run: how many reruns have reproduced it.
_OF_IT = 't.judged = r."commit" AND t.reproduces = r.id'
REPRODUCED = f"coalesce((SELECT passed FROM ({_TALLY.format('')}) AS t WHERE {_OF_IT}), 0)"


class Reproduced(NamedTuple):
    """Of so many reruns with a verdict, how many reproduced the run."""

    passed: int
    tried: int


def at_least(times: int) -> Condition:
    """Runs that were reproduced so often."""
    return Condition(f"{REPRODUCED} >= ?", (times,))


def reproduced(runs: Runs, rows: Sequence[Row]) -> Mapping[str, Reproduced]:
    """Of those of these runs that have verdicts, by their commits."""
    asked = _TALLY.format(" AND o.judged IN (SELECT value FROM json_each(?))")
    ids = {row.commit: row.id for row in rows}
    found = runs.ask(asked, (json.dumps([*ids]),))
    return {commit: Reproduced(passed, tried) for commit, of, passed, tried in found if ids[commit] == of}


def verdicts(runs: Runs) -> list[Event]:
    """Every verdict that counts, as something that was said of a run, the oldest first."""
    known = 'EXISTS (SELECT 1 FROM runs AS o WHERE o."commit" = r.judged AND o.id = r.reproduces)'
    rows = runs.rows(Condition(f"{_COUNTS.format('r')} AND {known}"))
    return [
        Event("verdict", row.reproduces, row.finished, row.author, row.commit, text=where(row), outcome=row.grade)
        for row in reversed(rows)
    ]


def where(row: Row) -> str:
    """On what it ran, in words."""
    return f"on {row.hardware}" if row.hardware else "on hardware that is not recorded"


def reruns_of(runs: Runs, row: Row) -> list[Row]:
    """The reruns whose verdicts are about this run, the best grades first, the newest first among equals."""
    wanted = Condition(f"r.judged = ? AND r.reproduces = ? AND {_COUNTS.format('r')}", (row.commit, row.id))
    return sorted(runs.rows(wanted), key=lambda rerun: GRADES.index(rerun.grade))
