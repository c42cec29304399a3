"""Keep the rows of a ref in one flat file, so that listing runs does not read every record again.

A file under `<common dir>/gitexp/index/` for each ref: a version line, one JSON array for each run in the order of
(finished, id) and for each event, and a last line naming the commit the file is complete up to. It is a cache: a file
that is missing, damaged, of another version or not writable changes nothing but the time a listing takes. Readers may
add the same rows at the same time; a row that is there twice is read once.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.repo import Repo, line, revision
from gitexp.git.standing import ROOTS

VERSION_LINE = b'["gitexp index", 6]\n'
A_DAY_S = 86_400.0  # clocks differ; what is later than this is no time that a run can have ended
_TIP, _EVENT = b'["tip", "', b'["event", "'  # how lines begin that are no rows


class Row(NamedTuple):
    """What a listing needs to know of one run. The id comes first: a file of rows is searched for it as bytes."""

    id: str
    commit: str
    attempt: int
    finished: float  # seconds since 1970, UTC
    ordered: float  # the same, or when it was recorded, where it claims to have ended a day or more after that
    author: str
    metrics: dict[str, float | int]
    status: str
    recipe: str = ""
    kind: str = "run"  # run, smoke, rerun
    duration_s: float | None = None
    clean: bool = True  # False: the tree differed from its commit, or was edited while the program ran
    seed: int | None = None
    message: str | None = None  # the user's, its first line
    defects: int = 0
    problem: str | None = None  # why the record cannot be read, in one line; None: it can
    held_out: str = ""  # the same for runs with the same held-out rows; empty where none are recorded
    lost: bool = False  # `problem` is this clone's: it lacks objects of a record that may be whole elsewhere

    @property
    def order(self) -> tuple[float, float, str, int]:
        """Sorts runs the same way in every clone."""
        return (self.ordered, self.finished, self.id, self.attempt)


class Event(NamedTuple):
    """What a commit of the branch that is no run says by its trailers."""

    kind: str  # merge, note, …
    about: str  # the id of a run; empty where it is about none
    said: float  # seconds since 1970, UTC
    author: str
    commit: str  # the last of its line, so that it is not taken for a row's


class Rows:
    """The rows of a ref as bytes, complete up to the commit `tip`, oldest first. Parsed only as far as is asked."""

    def __init__(self, data: bytes | mmap, tip: str) -> None:
        self.data = data  # a map of the file: showing one run then reads a few pages of it, not 25 MB at 100,000 runs
        self.tip = tip
        self._tomorrow = time.time() + A_DAY_S

    def all(self) -> list[Row]:
        """Every row, newest first. Raises ValueError where the bytes are damaged."""
        lines = json.loads(b"[" + self.data[:].rstrip(b"\n").replace(b"\n", b",") + b"]")
        width = len(Row._fields)
        rows = {line[1]: Row._make(line) for line in lines if len(line) == width}
        if len(lines) != 1 + sum(len(line) == width or line[0] in ("tip", "event") for line in lines):
            raise ValueError("not a file of rows")
        last = self._tomorrow
        return sorted(rows.values(), key=lambda row: (row[4] <= last, row[4], row[3], row[0], row[2]), reverse=True)

    def events(self) -> list[Event]:
        """Every event, the oldest first. Raises ValueError and TypeError where the bytes are damaged."""
        found, at = set[Event](), 0
        while (at := self.data.find(b"\n" + _EVENT, at) + 1) > 0:
            found.add(Event._make(json.loads(self.data[at : self.data.find(b"\n", at)])[1:]))
        return sorted(found, key=lambda event: (event.said, event.commit))

    def newest(self) -> Iterator[Row]:
        """Rows from the newest on, read only as far as they are taken. Whose times are yet to come is none of them."""
        to_come = []
        for row in self._backwards(len(self.data)):
            if row.ordered > self._tomorrow:
                to_come.append(row)
            else:
                yield row
        yield from to_come

    def lost(self) -> list[Row]:
        """Rows of records of which objects are missing here."""
        found, at = [], -1
        while (at := self.data.find(b", true]\n", at + 1)) >= 0:  # of that field alone, which ends a line
            found.append(self._line(self.data.rfind(b"\n", 0, at) + 1))
        return found

    def before(self, row: Row) -> Iterator[Row]:
        """Rows older than this one with the same recipe, newest first."""
        line = b'\n["%s", "%s"' % (row.id.encode(), row.commit.encode())
        found = self.data.rfind(line, max(0, len(self.data) - (1 << 20)))  # most often it is among the newest,
        found = found if found >= 0 else self.data.find(line)  # and forwards is many times faster than backwards
        recipe = b", %s, " % json.dumps(row.recipe).encode()
        for other in self._backwards(found + 1, containing=recipe):
            if other.recipe == row.recipe and other.order < row.order:
                yield other

    def with_id(self, beginning: str) -> list[Row]:
        """Rows whose id begins with these letters (k to z)."""
        wanted = b'\n["' + beginning.encode()
        found, at = dict[str, Row](), -1
        while (at := self.data.find(wanted, at + 1)) >= 0:
            row = self._line(at + 1)
            found[row.commit] = row
        return list(found.values())

    def at_commit(self, commit: str) -> Row | None:
        """The row of a commit; None where it is no run of this ref."""
        at = self.data.find(b'", "%s", ' % commit.encode())
        if at < 0:
            return None
        row = self._line(self.data.rfind(b"\n", 0, at) + 1)
        return row if row.commit == commit else None

    def _line(self, start: int) -> Row:
        fields = json.loads(self.data[start : self.data.find(b"\n", start)])
        if not isinstance(fields, list) or len(fields) != len(Row._fields):
            raise ValueError("not a row")
        return Row._make(fields)

    def _backwards(self, end: int, *, containing: bytes = b'["') -> Iterator[Row]:
        seen: set[str] = set()
        while (at := self.data.rfind(containing, 0, end)) >= 0:
            start = self.data.rfind(b"\n", 0, at) + 1
            end = start
            if start == 0:
                return  # the version line
            if self.data[start : start + len(_EVENT)].startswith((_TIP, _EVENT)):
                continue
            row = self._line(start)
            if row.commit not in seen:
                seen.add(row.commit)
                yield row


def dump_rows(rows: Iterable[Row], events: Iterable[Event] = ()) -> bytes:
    """Rows and events as lines, in the order given."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in (*rows, *(("event", *event) for event in events)))


def fresh(rows: Iterable[Row], events: Iterable[Event] = (), *, tip: str) -> Rows:
    """Rows and events in any order, complete up to `tip`."""
    ordered = sorted(rows, key=lambda row: row.order)
    return Rows(VERSION_LINE + dump_rows(ordered, events) + _tip_line(tip), tip)


def extended(old: Rows, new: Sequence[Row], events: Sequence[Event], *, tip: str) -> tuple[Rows, bytes | None]:
    """`old` with new ones, and the bytes that make its file into this; None where the file must be rewritten."""
    ordered = sorted(new, key=lambda row: row.order)
    last = next(old.newest(), None)
    if last is not None and ordered and ordered[0].order < last.order:  # a colleague's older runs came in
        return fresh([*old.all(), *ordered], [*old.events(), *events], tip=tip), None
    added = dump_rows(ordered, events) + _tip_line(tip)
    return Rows(old.data[:] + added, tip), added


def _tip_line(tip: str) -> bytes:
    return _TIP + tip.encode() + b'"]\n'


def _path(repo: Repo, ref: str) -> Path:
    name = ref.removeprefix("refs/").replace("%", "%25").replace("/", "%2F")
    return repo.common_dir / "gitexp" / "index" / name


def read_cache(repo: Repo, ref: str) -> Rows | None:
    """What the file of a ref holds; None where there is none that can be used."""
    try:
        with _path(repo, ref).open("rb") as file:
            data = mmap(file.fileno(), 0, access=ACCESS_READ)  # never cut short: files are appended to or replaced
    except (OSError, ValueError):  # there is none, or it is empty
        return None
    last = data[data.rfind(b"\n", 0, len(data) - 1) + 1 :]
    tip = last[len(_TIP) : -3]
    usable = data[: len(VERSION_LINE)] == VERSION_LINE and last == _TIP + tip + b'"]\n' and tip.isalnum()
    return Rows(data, tip.decode()) if usable else None


def left_behind(repo: Repo, branch: str) -> GitexpError | None:
    """What to say where the branch was removed here, and no other ref holds the runs that this file knows of."""
    rows = read_cache(repo, f"refs/heads/{branch}")
    tip = revision(repo, rows.tip) if rows is not None else None
    if tip is None or tip in ROOTS or line(repo, "for-each-ref", "--count=1", "--contains", tip):
        return None
    return GitexpError(
        f"The branch {branch} was removed here; the newest of its runs that is known was the commit {tip[:10]}",
        why="Of runs that came after it, `git fsck --no-reflogs` names the commits, as dangling.",
        fix=f"git branch {branch}-before {tip[:10]}",
    )


def append_cache(repo: Repo, ref: str, added: bytes) -> None:
    """Add lines to the file of a ref. Where that fails half-way the file is removed, to be rebuilt."""
    path = _path(repo, ref)
    with suppress(OSError):  # a read-only or full disk: the next reader does the work again
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            whole = os.write(fd, added) == len(added)
        finally:
            os.close(fd)
        if not whole:
            path.unlink()


def write_cache(repo: Repo, ref: str, rows: Rows) -> None:
    """Replace the file of a ref, whole."""
    from gitexp.wholefile import write_note

    write_note(_path(repo, ref), rows.data[:])


def forget_cache(repo: Repo, ref: str) -> None:
    """Remove the file of a ref, where what it was read from has come back: the next reader reads it anew."""
    _path(repo, ref).unlink(missing_ok=True)
