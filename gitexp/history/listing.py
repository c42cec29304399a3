"""List the runs of a ref, and what is said about them: new commits from `git log`, the rest from the cache.

A commit is a run if and only if it has the trailer `Gitexp-Run`; others with `Gitexp-Event` are events. A record that
is damaged or hostile never breaks a listing: its row says why it cannot be read.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from gitexp.errors import GitexpError, counted
from gitexp.git.branch import Tip
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo, is_ancestor, output, promisor, start
from gitexp.git.standing import cut_at
from gitexp.git.trailers import logged, value_of
from gitexp.history.cache import (
    DAMAGED,
    EVERY,
    Condition,
    Rows,
    fresh,
    read_cache,
    write_cache,
)
from gitexp.history.row import Event, Row
from gitexp.history.rowof import A_DAY_S, LAST_SECOND, Indexed, RunCommit, read_rows
from gitexp.record.event import LARGEST, PAYLOADS, load_payload
from gitexp.record.identity import ABOUT_TRAILER, EVENT_TRAILER, RUN_TRAILER

T = TypeVar("T")

EVERYWHERE = "everywhere"  # instead of a ref: the index of all of them

_TRAILERS = (RUN_TRAILER, EVENT_TRAILER, ABOUT_TRAILER)
_FIELDS = ("%m", "%H", "%at", "%ct", "%an", *map(value_of, _TRAILERS))


class Runs:
    """The runs of one ref, brought up to date when first asked for. `tip` None: there is no such branch.

    With `others` those of these refs too, each once. Of a damaged branch those are listed that can be read, and `tell`
    is given the error that says what is the matter.
    """

    def __init__(
        self,
        repo: Repo,
        tip: Tip | None,
        *,
        reader: ObjectReader,
        tell: Callable[[GitexpError], None] | None = None,
        others: Sequence[Tip] = (),
    ) -> None:
        self._repo = repo
        self.tip = tip
        self._tips = sorted({one.commit for one in (tip, *others) if one is not None})
        self._name = EVERYWHERE if others else tip.ref if tip is not None else ""  # of the index
        self._reader = reader
        self._tell = tell
        self._rows: Rows | None = None
        self._list: list[Row] | None = None
        self._said = False  # what is lost

    def all(self) -> list[Row]:
        """Every run, newest first."""
        if self._list is None:
            self._list = self.rows()
            self.say_what_is_lost()
        return self._list

    def say_what_is_lost(self) -> None:
        """Let `tell` name, once, the runs whose records cannot be read because objects are missing here."""
        lost = self._asked(lambda rows: rows.lost())
        if lost and self._tell is not None and not self._said:
            self._said = True
            self._tell(unreadable(self._repo, lost))

    def events(self) -> list[Event]:
        """What commits of the branch that are no runs say, merges among them, the oldest first."""
        return self._asked(lambda rows: rows.events())

    def rows(self, wanted: Condition = EVERY, *, order: Condition | None = None, limit: int = -1) -> list[Row]:
        """The runs that fit, the newest first or in that order."""
        return self._asked(lambda rows: [*rows.rows(wanted, order=order, limit=limit)])

    def count(self, wanted: Condition = EVERY) -> int:
        """How many runs fit."""
        return self._asked(lambda rows: rows.count(wanted))

    def ask(self, question: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """A SELECT over the views `runs`, `frame_values` and `events` of the index."""
        return self._asked(lambda rows: rows.connection.execute(question, values).fetchall())

    def values(self, what: str, wanted: Condition = EVERY) -> list[tuple[Any, ...]]:
        """Expressions of SQL over the runs that fit; their table is called `r`."""
        return self.ask(f"SELECT {what} FROM runs AS r WHERE {wanted.sql}", wanted.values)

    def keys(self, kind: str) -> list[str]:
        """The names of each `metric`, `setting` or fact of the environment (`env`) that any run has."""
        return self._asked(lambda rows: rows.keys(kind))

    def first(self, wanted: Callable[[Row], bool], *, skip: int = 0) -> Row | None:
        """The newest run that is wanted, after skipping some; attempts of one run count once.

        Costs as much as there are rows to look at, not as there are runs.
        """

        def find(rows: Rows) -> Row | None:
            seen: set[str] = set()
            for row in rows.rows():
                if row.id not in seen and wanted(row):
                    seen.add(row.id)
                    if len(seen) > skip:
                        return row
            return None

        return self._asked(find)

    def previous_of(self, row: Row) -> Row | None:
        """The run before this one of the same recipe; of a rerun the run that it repeats, or of which it has the most.

        Smoke runs, and imported ones, are compared with their like.
        """

        def find(rows: Rows) -> Row | None:
            if original := row.reproduces or row.mixes:
                return next(
                    (r for r in rows.with_id(original) if r.id == original != row.id and r.problem is None), None
                )
            alike = (r for r in rows.before(row) if r.id != row.id and _sort_of(r) == _sort_of(row))
            return next((r for r in alike if r.problem is None), None)

        return self._asked(find)

    def with_id(self, beginning: str) -> list[Row]:
        """Runs whose id begins like this, every attempt of them."""
        return self._asked(lambda rows: rows.with_id(beginning))

    def at_commit(self, commit: str) -> Row | None:
        """The run that a commit is, also where it is not on this ref; None where it is no run."""
        found = self._asked(lambda rows: rows.at_commit(commit))
        if found is not None:
            return found
        read = _scan(self._repo, self._reader, "--no-walk", commit)
        return read.made[0].row if read is not None and read.made else None

    def cut_off(self) -> bool:
        """Whether older runs were not fetched: the clone is shallow, and so is this branch."""
        return any(is_ancestor(self._repo, end, tip) for end in cut_at(self._repo) for tip in self._tips)

    def _asked(self, question: Callable[[Rows], T]) -> T:
        """Put a question to the rows; where they turn out to be damaged, build them again and repeat it."""
        if self._rows is None:
            self._rows = self._up_to_date()
        try:
            return question(self._rows)
        except DAMAGED:
            self._rows = self._rebuilt()
            return question(self._rows)

    def _up_to_date(self) -> Rows:
        if self.tip is None:
            return fresh([], tip="")
        if self.tip.damage is not None:
            return self._salvaged(self.tip, [self.tip.damage])
        old = read_cache(self._repo, self._name) or read_cache(self._repo, self.tip.ref)
        if old is not None and old.tip.split() == self._tips:
            return old
        read = self._since(old.tip.split()) if old else None
        if old is None or read is None or read.gone or any(one.row.lost for one in read.made):
            return self._rebuilt()  # never read before, something that is gone, or a branch that was set back
        try:
            old.add(read.made, read.events)
            if old.worn:
                write_cache(self._repo, self._name, old, tip=" ".join(self._tips))
        except DAMAGED:
            return self._rebuilt()
        return old

    def _since(self, was: Sequence[str]) -> _Scan | None:
        """What came after these tips; None where git knows no such commits, or something of theirs is gone."""
        if len(was) == len(self._tips) == 1:
            return _scan(self._repo, self._reader, "--left-right", f"{was[0]}...{self._tips[0]}")
        walk = start(self._repo.root, "rev-list", "-1", *was, "--not", *self._tips, "--")
        gone, _ = walk.communicate()
        known = walk.returncode == 0 and not gone
        return _scan(self._repo, self._reader, *self._tips, "--not", *was) if known else None

    def _rebuilt(self) -> Rows:
        if self.tip is None:
            return fresh([], tip="")
        remote = promisor(self._repo)
        if remote is not None and self._tell is not None and (error := _one_by_one(self._repo, self.tip, remote)):
            self._tell(error)
        read = _scan(self._repo, self._reader, *self._tips)
        if read is None:
            return self._salvaged(self.tip, ["commits between its newest and its first are missing or damaged"])
        rows = fresh(read.made, read.events, tip=" ".join(self._tips))
        if not self.cut_off():  # else runs that come in below the same tip would never be looked for
            write_cache(self._repo, self._name, rows, tip=rows.tip)
        return rows

    def _salvaged(self, tip: Tip, words: Sequence[str]) -> Rows:
        """What can be read of a damaged branch, and what the cache has of it; nothing of this is kept."""
        from gitexp.git.damage import damaged, readable

        error = damaged(self._repo, tip.ref, words)
        if self._tell is None:
            raise error
        self._tell(error)
        commits = readable(self._repo, tip.ref, tip.commit)
        read = _scan(self._repo, self._reader, "--no-walk=unsorted", "--stdin", feed=commits) if commits else None
        made = {one.row.commit: one for one in read.made} if read else {}
        old = read_cache(self._repo, tip.ref)
        with suppress(*DAMAGED):  # the cache is damaged too
            for row in old.rows() if old else ():
                made.setdefault(row.commit, Indexed(row, row.settings, {}, None))
        return fresh([*made.values()], read.events if read else (), tip=tip.commit)


class _Scan(NamedTuple):
    """Whether commits are on the left side only, and what the others are."""

    gone: bool
    made: list[Indexed]
    events: list[Event]


def _scan(repo: Repo, reader: ObjectReader, *revisions: str, feed: Sequence[str] = ()) -> _Scan | None:
    """What these commits are; None where git knows no such commit."""
    commits = logged(repo, _FIELDS, *revisions, "--", feed=feed)
    if commits is None:
        return None
    gone = any(mark == "<" for mark, *_ in commits)
    runs, events = list[RunCommit](), list[Event]()
    for _, oid, at, ct, author, run, kind, about in commits:
        authored, committed = int(at or 0), int(ct or 0)
        if run.strip():
            runs.append(RunCommit(oid, authored, committed, author[:200], run.strip()))
        elif kind.strip():
            said = authored if authored <= committed + A_DAY_S else committed
            events.append(
                Event(kind.strip()[:200], about.strip()[:200], float(min(said, LAST_SECOND)), author[:200], oid)
            )
    return _Scan(gone, read_rows(reader, runs), _with_payloads(reader, events))


def _with_payloads(reader: ObjectReader, events: Sequence[Event]) -> list[Event]:
    """The events with what their bodies say."""
    having = [at for at, event in enumerate(events) if event.kind in PAYLOADS]
    found = reader.find_many((events[at].commit for at in having), limit=LARGEST) if having else ()
    said = list(events)
    for at, commit in zip(having, found, strict=True):
        payload = load_payload(events[at].kind, (commit and commit[1]) or b"")
        further = json.dumps([*payload.runs])
        said[at] = events[at]._replace(text=payload.text, name=payload.name, outcome=payload.outcome, runs=further)
    return said


def _one_by_one(repo: Repo, tip: Tip, remote: str) -> GitexpError | None:
    """What to say where git has to fetch the records that are read; None where they are here."""
    listing = output(repo, "rev-list", "--objects", "--missing=print", "--quiet", tip.commit, "--")
    if not (lacking := listing.count(b"?")):
        return None
    branch = tip.ref.removeprefix(f"refs/remotes/{remote}/").removeprefix("refs/heads/")
    return GitexpError(
        f"This clone left {counted(lacking, 'file')} of the records at {remote} (git clone --filter)",
        why="git fetches each one by itself when it is read.",
        fix=f"git fetch --refetch --no-filter {remote} {shlex.quote(branch)}",
    )


def unreadable(repo: Repo, rows: Sequence[Row]) -> GitexpError:
    """What to say of runs that cannot be read, the newest last, and how what is missing comes back."""
    from gitexp.git.damage import bring_back

    *others, row = rows
    name = row.id if row.id != "?" else row.commit[:10]
    more = f"; nor can {len(others)} other{'s'[: len(others) > 1]}" if others else ""
    return GitexpError(
        f"Run {name} cannot be read: {row.problem}{more}", fix=bring_back(repo) if any(one.lost for one in rows) else ""
    )


class New(NamedTuple):
    """What one history has that another has not. Attempts of one run count once, and merges not at all."""

    runs: int = 0
    events: int = 0

    @property
    def words(self) -> str:
        """`2 runs and 1 event`."""
        runs, events = counted(self.runs, "run"), counted(self.events, "event")
        return f"{runs} and {events}" if self.runs and self.events else events if self.events else runs


def count_new(repo: Repo, *, include: str, exclude: str | None) -> New:
    """How much one commit's history has that another's has not."""
    wanted = [include, f"^{exclude}"] if exclude else [include]
    asked = ("rev-list", "--no-commit-header", f"--format={value_of(RUN_TRAILER)}%x00{value_of(EVENT_TRAILER)}")
    lines = [line.split(b"\0") for line in output(repo, *asked, *wanted, "--").split(b"\n") if line.strip(b"\0")]
    runs = {run for run, _ in lines if run}
    return New(len(runs), sum(not run and event != b"merge" for run, event in lines))


def _sort_of(row: Row) -> str:
    return row.kind if row.kind in ("smoke", "imported", "rerun") else ""
