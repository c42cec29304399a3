"""List the runs of a ref, and what is said about them: new commits from `git log`, the rest from the cache.

A commit is a run if and only if it has the trailer `Gitexp-Run`; others with `Gitexp-Event` are events. A record that
is damaged or hostile never breaks a listing: its row says why it cannot be read.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar

from gitexp.errors import GitexpError
from gitexp.git.branch import Tip
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo, failure, is_ancestor, output, start
from gitexp.git.trailers import value_of
from gitexp.history.cache import A_DAY_S, Event, Row, Rows, append_cache, extended, fresh, read_cache, write_cache
from gitexp.history.inputs import rows_key
from gitexp.history.read import load_record
from gitexp.record.datarecord import DatasetRecord, load_data
from gitexp.record.identity import ABOUT_TRAILER, EVENT_TRAILER, RUN_TRAILER, RunId
from gitexp.record.metrics import load_metrics
from gitexp.record.runrecord import RunRecord
from gitexp.text.bounded import LARGEST

T = TypeVar("T")

_FILES = ("run.toml", "metrics.toml", "data.toml")  # of a record, that a row is made of
METRICS_LIMIT = 1000  # metrics of one run that a row carries
LAST_SECOND = 253402300799  # of the year 9999; a commit may claim to be of any year
_TRAILERS = (RUN_TRAILER, EVENT_TRAILER, ABOUT_TRAILER)
_FIELDS = ("%m", "%H", "%at", "%ct", "%an", *map(value_of, _TRAILERS))
_FORMAT = "--format=" + "%x00".join(_FIELDS) + "%x00"


class Runs:
    """The runs of one ref, brought up to date when first asked for. `tip` None: there is no such branch.

    Of a damaged branch those are listed that can be read, and `tell` is given the error that says what is the matter.
    """

    def __init__(
        self, repo: Repo, tip: Tip | None, *, reader: ObjectReader, tell: Callable[[GitexpError], None] | None = None
    ) -> None:
        self._repo = repo
        self.tip = tip
        self._reader = reader
        self._tell = tell
        self._rows: Rows | None = None
        self._list: list[Row] | None = None

    def all(self) -> list[Row]:
        """Every run, newest first."""
        if self._list is None:
            self._list = self._asked(lambda rows: rows.all())
            self.say_what_is_lost()
        return self._list

    def say_what_is_lost(self) -> None:
        """Let `tell` name the runs whose records cannot be read because objects are missing here."""
        lost = self._asked(lambda rows: rows.lost())
        if lost and self._tell is not None:
            self._tell(unreadable(self._repo, lost))

    def events(self) -> list[Event]:
        """What commits of the branch that are no runs say, merges among them, the oldest first."""
        return self._asked(lambda rows: rows.events())

    def first(self, wanted: Callable[[Row], bool], *, skip: int = 0) -> Row | None:
        """The newest run that is wanted, after skipping some; attempts of one run count once.

        Costs as much as there are rows to look at, not as there are runs.
        """

        def find(rows: Rows) -> Row | None:
            seen: set[str] = set()
            for row in rows.newest():
                if row.id not in seen and wanted(row):
                    seen.add(row.id)
                    if len(seen) > skip:
                        return row
            return None

        return self._asked(find)

    def previous_of(self, row: Row) -> Row | None:
        """The run before this one of the same recipe. Smoke runs are compared with smoke runs alone."""

        def find(rows: Rows) -> Row | None:
            alike = (r for r in rows.before(row) if r.id != row.id and (r.kind == "smoke") == (row.kind == "smoke"))
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
        return read.rows[0] if read is not None and read.rows else None

    def cut_off(self) -> bool:
        """Whether older runs were not fetched: the clone is shallow, and so is this branch."""
        try:
            ends = (self._repo.common_dir / "shallow").read_text().split()
        except FileNotFoundError:
            return False
        return self.tip is not None and any(is_ancestor(self._repo, end, self.tip.commit) for end in ends)

    def _asked(self, question: Callable[[Rows], T]) -> T:
        """Put a question to the rows; where they turn out to be damaged, build them again and repeat it."""
        if self._rows is None:
            self._rows = self._up_to_date()
        try:
            return question(self._rows)
        except (ValueError, TypeError, LookupError):  # lines that are not rows
            self._rows = self._rebuilt()
            return question(self._rows)

    def _up_to_date(self) -> Rows:
        if self.tip is None:
            return fresh([], tip="")
        if self.tip.damage is not None:
            return self._salvaged(self.tip, [self.tip.damage])
        old = read_cache(self._repo, self.tip.ref)
        if old is not None and old.tip == self.tip.commit:
            return old
        read = _scan(self._repo, self._reader, "--left-right", f"{old.tip}...{self.tip.commit}") if old else None
        if old is None or read is None or read.gone or any(row.lost for row in read.rows):
            return self._rebuilt()  # never read before, something that is gone, or a branch that was set back
        try:
            rows, added = extended(old, read.rows, read.events, tip=self.tip.commit)
        except (ValueError, TypeError, LookupError):
            return self._rebuilt()
        if added is None:
            write_cache(self._repo, self.tip.ref, rows)
        else:
            append_cache(self._repo, self.tip.ref, added)
        return rows

    def _rebuilt(self) -> Rows:
        if self.tip is None:
            return fresh([], tip="")
        read = _scan(self._repo, self._reader, self.tip.commit)
        if read is None:
            return self._salvaged(self.tip, ["commits between its newest and its first are missing or damaged"])
        rows = fresh(read.rows, read.events, tip=self.tip.commit)
        if not self.cut_off():  # else runs that come in below the same tip would never be looked for
            write_cache(self._repo, self.tip.ref, rows)
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
        rows = {row.commit: row for row in read.rows} if read else {}
        with suppress(ValueError, TypeError, LookupError):  # the cache is damaged too
            old = read_cache(self._repo, tip.ref)
            rows = {row.commit: row for row in (old.all() if old else [])} | rows
        return fresh(rows.values(), read.events if read else (), tip=tip.commit)


class _Scan(NamedTuple):
    """Whether commits are on the left side only, and what the others are."""

    gone: bool
    rows: list[Row]
    events: list[Event]


def _scan(repo: Repo, reader: ObjectReader, *revisions: str, feed: Sequence[str] = ()) -> _Scan | None:
    """What these commits are; None where git knows no such commit."""
    stdin = subprocess.PIPE if feed else subprocess.DEVNULL
    asked = ("log", "--no-show-signature", "-s", "--encoding=UTF-8", _FORMAT, *revisions, "--")
    log = start(repo.root, *asked, stdin=stdin)
    listing, words = log.communicate("".join(f"{one}\n" for one in feed).encode() if feed else None)
    if log.returncode not in (0, 128):
        raise failure(log.args, log.returncode, words)  # type: ignore[arg-type]
    if log.returncode != 0:
        return None
    fields = listing.decode("utf-8", "replace").split("\0")
    width = len(_FIELDS)
    commits = [fields[i : i + width] for i in range(0, len(fields) - width, width)]
    gone = any(mark.strip() == "<" for mark, *_ in commits)
    runs, events = list[RunCommit](), list[Event]()
    for _, oid, at, ct, author, run, kind, about in commits:
        if run.strip():
            runs.append(RunCommit(oid, int(at or 0), int(ct or 0), author[:200], run.strip()))
        elif kind.strip():
            said = float(min(int(at or 0), LAST_SECOND))
            events.append(Event(kind.strip()[:200], about.strip()[:200], said, author[:200], oid))
    found = reader.find_many((f"{one.id}:{file}" for one in runs for file in _FILES), limit=LARGEST)
    rows, absent = list[Row](), dict[int, list[str]]()
    for number, one in enumerate(runs):
        parts = [next(found) for _ in _FILES]
        rows.append(read_row(one, *parts))
        if None in parts:
            absent[number] = [name for name, part in zip(_FILES, parts, strict=True) if part is None]
    todo = sorted(absent.items(), reverse=True)
    trees = reader.find_many([f"{rows[number].commit}^{{tree}}" for number, _ in todo])
    for (number, names), tree in zip(todo, trees, strict=True):
        content = tree[1] if tree is not None else None
        # What the tree of a record does not name was never there, which is a stranger's doing.
        lost = [name for name in names if content is None or f" {name}\0".encode() in content]
        if lost:
            what = f"{lost[0] if content else 'its tree'} is missing from this clone"
            row, before = rows[number], rows[min(number + 1, len(rows) - 1)]
            if row.problem is not None:  # when it ended is not known: after the run that it was put on
                ended = max(row.finished, before.finished + 0.001)
                row = row._replace(finished=ended, ordered=max(row.ordered, before.ordered))
            rows[number] = row._replace(status="unreadable", problem=what, lost=True)
    return _Scan(gone, rows, events)


Found = tuple[str, bytes | None] | None


def unreadable(repo: Repo, rows: Sequence[Row]) -> GitexpError:
    """What to say of runs that cannot be read, the newest last, and how what is missing comes back."""
    from gitexp.git.damage import bring_back

    *others, row = rows
    name = row.id if row.id != "?" else row.commit[:10]
    more = f"; nor can {len(others)} other{'s'[: len(others) > 1]}" if others else ""
    return GitexpError(
        f"Run {name} cannot be read: {row.problem}{more}", fix=bring_back(repo) if any(one.lost for one in rows) else ""
    )


class RunCommit(NamedTuple):
    """The commit of a run, by its header; dates are in seconds since 1970, the trailer is what it calls the run."""

    id: str
    authored: int
    committed: int
    author: str
    trailer: str


def read_row(commit: RunCommit, record: Found, metrics: Found, data: Found) -> Row:
    """A run as the index has it, whatever may be wrong with its record."""
    try:
        run = load_record(_text(record, "run.toml"))
        if run.id != commit.trailer:
            raise GitexpError(f"run.toml is of run {run.id}, the commit message of {commit.trailer[:40]}")
    except GitexpError as error:
        return _unreadable(commit, problem=error.what)
    try:
        values = load_metrics(_text(metrics, "metrics.toml")) if metrics is not None else {}
    except GitexpError:
        values = {}  # `show` and `diff` say so; a listing is of what can be read
    return Row(
        id=run.id,
        commit=commit.id,
        attempt=run.attempt,
        finished=run.finished.timestamp(),
        ordered=_ordered(run.finished.timestamp(), commit.committed),
        recipe=run.recipe[:200],
        kind=run.kind,
        status=run.status,
        duration_s=run.duration_s,
        author=commit.author,
        clean=run.code.clean and not run.code.edited_count,
        seed=run.seed,
        message=run.message.strip().splitlines()[0][:500] if run.message and run.message.strip() else None,
        defects=len(run.defects),
        metrics=dict(list(values.items())[:METRICS_LIMIT]),
        held_out=_held_out(run, data),
    )


def _held_out(run: RunRecord, data: Found) -> str:
    drawn: Mapping[str, DatasetRecord] = {}
    if data is not None and data[1] is not None and b".split." in data[1]:  # most have none, and need no parsing
        with suppress(GitexpError):  # `show` and `diff` say so
            drawn = load_data(_text(data, "data.toml"))
    return rows_key((run.splits, drawn))


def _ordered(finished: float, committed: int) -> float:
    """When a run ended, for the order; one that ended a day after it was recorded did not."""
    return float(min(committed, LAST_SECOND)) if finished > committed + A_DAY_S else finished


def _unreadable(commit: RunCommit, *, problem: str) -> Row:
    try:
        run_id = str(RunId(commit.trailer))
    except ValueError:
        run_id, problem = "?", f"its Gitexp-Run is not a run id: {commit.trailer[:40]!r}"
    ended = float(min(commit.authored, LAST_SECOND))
    ordered = _ordered(ended, commit.committed)
    return Row(run_id, commit.id, 1, ended, ordered, commit.author, {}, "unreadable", problem=problem[:500])


def _text(found: Found, name: str) -> str:
    """A file of a record as text. Raises GitexpError where it is missing, too large or not UTF-8."""
    if found is None:
        raise GitexpError(f"{name} is missing")
    if found[1] is None:
        raise GitexpError(f"{name} is larger than {LARGEST >> 20} MiB")
    try:
        return found[1].decode("utf-8")
    except UnicodeDecodeError as error:
        raise GitexpError(f"{name} is not UTF-8") from error


def count_runs(repo: Repo, *, include: str, exclude: str | None) -> int:
    """How many runs one commit's history has that another's has not. Attempts of one run count once."""
    wanted = [include, f"^{exclude}"] if exclude else [include]
    asked = ("rev-list", "--no-commit-header", f"--format={value_of(RUN_TRAILER)}")
    return len(set(output(repo, *asked, *wanted, "--").split()))
