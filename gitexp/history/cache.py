"""Keep the rows of a ref in one SQLite file, so that listing runs does not read every record again.

A file under `<common dir>/gitexp/index/` for each ref, complete up to the commit that it names, and one for all of them
together, complete up to each of several. It is a cache: one that is missing, damaged, of another version or not
writable changes nothing but the time that a question takes. A file is replaced whole and never changed, so nobody locks
it, on NFS either; what came after it is read from git each time, into tables beside it in memory, until there is enough
to write a new file.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from math import isqrt
from pathlib import Path
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.repo import Repo, line, revision
from gitexp.git.standing import ROOTS
from gitexp.history.row import Event, Row, dump_values, load_values
from gitexp.history.rowof import A_DAY_S, Indexed

try:
    import sqlite3
except ImportError as missing:  # a Python that was built without it
    raise GitexpError(
        f"The Python that gitexp is installed in has no SQLite, without which runs are not listed ({missing})",
        why=f"Runs are recorded without it. It is {sys.executable}.",
        fix="install gitexp with another Python, of which    python -c 'import sqlite3'    says nothing",
    ) from missing

VERSION = 14
APPLICATION = 0x67697465  # "gite"
AN_HOUR_S = 3600.0  # nobody writes a file for so long
LOOSE = 800  # reading a run anew takes as long as writing so many; 10,000 are written anew at the fourth, see `worn`
DAMAGED = (sqlite3.Error, ValueError, TypeError, LookupError)  # what a question to a damaged file ends in

_STORED = [name for name in Row._fields if name != "base_text"]
_TRUTHS = [_STORED.index(name) for name in ("clean", "lost")]  # SQLite has 0 and 1 for them
_COLUMNS = ", ".join(f'"{name}"' for name in [*_STORED, "base", "environment"])
_SAID = ", ".join(f'"{name}"' for name in Event._fields)
_TABLES = f"""
CREATE TABLE {{0}}run (no INTEGER PRIMARY KEY, {_COLUMNS});
CREATE TABLE {{0}}frame (no INTEGER PRIMARY KEY, of, body);
CREATE TABLE {{0}}frame_value (frame, key, value, PRIMARY KEY (frame, key)) WITHOUT ROWID;
CREATE TABLE {{0}}key (kind, name, PRIMARY KEY (kind, name)) WITHOUT ROWID;
CREATE TABLE {{0}}event ({_SAID});
"""
_INDEXES = """
CREATE INDEX by_time ON run (ordered, finished, id, attempt);
CREATE INDEX by_recipe ON run (recipe, ordered, finished, id, attempt);
CREATE INDEX by_id ON run (id);
CREATE INDEX by_commit ON run ("commit");
CREATE INDEX frame_of ON frame (of);
CREATE INDEX by_judged ON run (judged) WHERE judged != '';
"""
_NAMES = ("run", "frame", "frame_value", "key", "event")
_NEWEST = "ordered DESC, finished DESC, id DESC, attempt DESC"


class Condition(NamedTuple):
    """Which runs: a condition of SQL over `runs`, every value of it bound."""

    sql: str = "1"
    values: tuple[object, ...] = ()

    def __and__(self, other: Condition) -> Condition:
        return Condition(f"({self.sql}) AND ({other.sql})", (*self.values, *other.values))


EVERY = Condition()


def of_commits(commits: Iterable[str]) -> Condition:
    """Those runs."""
    return Condition('"commit" IN (SELECT value FROM json_each(?))', (json.dumps([*commits]),))


class Rows:
    """The rows of a ref, complete up to the commit `tip`; of several, up to theirs, apart by blanks.

    Every question may raise one of DAMAGED.
    """

    def __init__(self, connection: sqlite3.Connection, tip: str) -> None:
        self.connection = connection
        self.tip = tip
        self.loose = 0  # runs and events that came after the file
        self._tomorrow = time.time() + A_DAY_S
        self._bodies: dict[int | None, str] = {None: "{}"}
        connection.create_function("folded", 1, _folded, deterministic=True)
        for name in _NAMES:
            connection.execute(f"CREATE TEMP VIEW {name}s AS SELECT * FROM main.{name}")

    def add(self, made: Sequence[Indexed], events: Sequence[Event]) -> None:
        """Take in what came after the file was written."""
        for statement in _TABLES.format("temp.loose_").split(";"):
            self.connection.execute(statement)
        for name in _NAMES:
            self.connection.execute(f"DROP VIEW temp.{name}s")
            both = f"SELECT * FROM main.{name} UNION ALL SELECT * FROM temp.loose_{name}"
            self.connection.execute(f"CREATE TEMP VIEW {name}s AS {both}")
        _insert(self.connection, made, events, into="temp.loose_")
        self.loose = len(made) + len(events)

    @property
    def worn(self) -> bool:
        """Whether so much came after the file that each command would soon have spent more on it than on a new one."""
        return self.loose > max(2, isqrt(_largest(self.connection, "run") // LOOSE))

    # ---- questions

    def rows(self, wanted: Condition = EVERY, *, order: Condition | None = None, limit: int = -1) -> Iterator[Row]:
        """Runs that fit, the newest first or in that order, read only as far as they are taken.

        Whose times are yet to come are the last.
        """
        if order is not None:
            yield from self._ask(wanted, f"{order.sql}, {_NEWEST}", order.values, limit)
            return
        if limit >= 0:
            to_come = self.count(Condition("ordered > ?", (self._tomorrow,)))
            late = f"ordered > {self._tomorrow!r}, " if to_come else ""
            yield from self._ask(wanted, late + _NEWEST, (), limit)
            return
        yield from self._ask(Condition("ordered <= ?", (self._tomorrow,)) & wanted, _NEWEST)
        yield from self._ask(Condition("ordered > ?", (self._tomorrow,)) & wanted, _NEWEST)

    def count(self, wanted: Condition = EVERY) -> int:
        """How many runs fit."""
        asked = f"SELECT count(*) FROM runs AS r WHERE {wanted.sql}"
        [(count,)] = self.connection.execute(asked, _bound(wanted.values))
        return int(count)

    def keys(self, kind: str) -> list[str]:
        """The names of every metric, setting or fact of the environment (`env`) that there is."""
        found = self.connection.execute("SELECT DISTINCT name FROM keys WHERE kind = ?", (kind,))
        return [str(name) for (name,) in found]

    def events(self) -> list[Event]:
        """Every event, the oldest first."""
        found = [Event._make(row) for row in self.connection.execute("SELECT DISTINCT * FROM events")]
        return sorted(found, key=lambda event: (event.said, event.commit))

    def lost(self) -> list[Row]:
        """Rows of records of which objects are missing here, the oldest first."""
        return [*self._ask(Condition("status = 'unreadable' AND lost"), "no")]

    def before(self, row: Row) -> Iterator[Row]:
        """Rows older than this one with the same recipe, newest first."""
        older = Condition("recipe = ? AND (ordered, finished, id, attempt) < (?, ?, ?, ?)", (row.recipe, *row.order))
        return self._ask(older, _NEWEST)

    def with_id(self, beginning: str) -> list[Row]:
        """Rows whose id begins with these letters (k to z)."""
        return [*self._ask(Condition("id >= ? AND id < ?", (beginning, f"{beginning}~")), "no")]

    def at_commit(self, commit: str) -> Row | None:
        """The row of a commit; None where it is no run of this ref."""
        return next(self._ask(Condition('"commit" = ?', (commit,)), "no"), None)

    def _ask(self, wanted: Condition, order: str, values: Sequence[object] = (), limit: int = -1) -> Iterator[Row]:
        stored = ", ".join(f'r."{name}"' for name in [*_STORED, "base"])
        asked = f"SELECT {stored} FROM runs AS r WHERE {wanted.sql} ORDER BY {order} LIMIT {limit}"
        for found in self.connection.execute(asked, _bound((*wanted.values, *values))):
            yield self._row(found)

    def _row(self, found: Sequence[object]) -> Row:
        *stored, base = found
        if base not in self._bodies:
            [(body,)] = self.connection.execute("SELECT body FROM frames WHERE no = ?", (base,))
            self._bodies[base] = body  # type: ignore[index]
        for at in _TRUTHS:
            stored[at] = stored[at] == 1
        return Row._make([*stored, self._bodies[base]])  # type: ignore[index]


def _folded(value: object) -> str | None:
    """SQLite's own `lower` knows the letters of ASCII alone."""
    return None if value is None else str(value).lower()


def _bound(values: Sequence[object]) -> list[object]:
    """What was typed may be no UTF-8, and is then written as in the index."""
    return [v.encode("utf-8", "backslashreplace").decode() if isinstance(v, str) else v for v in values]


# ---- writing


def _insert(connection: sqlite3.Connection, made: Sequence[Indexed], events: Sequence[Event], *, into: str) -> None:
    frames = _Frames(connection, into)
    marks = ", ".join("?" * (len(_STORED) + 3))
    first = _largest(connection, "run") + 1
    lines, keys = [], set[tuple[str, str]]()
    for number, one in enumerate(sorted(made, key=lambda one: one.row.order), first):
        base, changed = frames.nearest(one.row.recipe, one.settings)
        environment = frames.equal(one.environment_of, one.environment) if one.environment_of else None
        row = one.row._replace(settings_text=dump_values(changed))
        lines.append((number, *row[:-1], base, environment))
        keys.update(("metric", name) for name in one.row.metrics)
        keys.update(("setting", name) for name in changed)
    connection.executemany(f"INSERT INTO {into}run VALUES ({marks})", lines)
    connection.executemany(f"INSERT OR IGNORE INTO {into}key VALUES (?, ?)", [*keys, *frames.keys])
    connection.executemany(f"INSERT INTO {into}event VALUES ({', '.join('?' * len(Event._fields))})", events)


def _largest(connection: sqlite3.Connection, table: str) -> int:
    [(largest,)] = connection.execute(f"SELECT max(no) FROM {table}s")
    return int(largest or 0)


class _Frames:
    """Settings that many runs share are written down once, and of each run those that differ."""

    def __init__(self, connection: sqlite3.Connection, into: str) -> None:
        self._connection, self._into = connection, into
        self._known: dict[str, tuple[int, Mapping[str, object]]] = {}
        self._next = _largest(connection, "frame") + 1
        self.keys: set[tuple[str, str]] = set()

    def nearest(self, recipe: str, settings: Mapping[str, object]) -> tuple[int, Mapping[str, object]]:
        """The frame of the recipe's runs, and what is different here; a new one where too much is."""
        known = self._find(f"recipe:{recipe}")
        if known is not None:
            number, base = known
            changed = {key: settings.get(key) for key in {*base, *settings} if not _same(base, settings, key)}
            if len(changed) <= max(8, len(base) // 3):
                return number, changed
        return self._new(f"recipe:{recipe}", settings, kind="setting"), {}

    def equal(self, of: str, facts: Mapping[str, object]) -> int:
        """The frame of this name, made where there is none."""
        known = self._find(f"env:{of}")
        return known[0] if known is not None else self._new(f"env:{of}", facts, kind="env")

    def _find(self, of: str) -> tuple[int, Mapping[str, object]] | None:
        if of not in self._known:
            asked = "SELECT no, body FROM frames WHERE of = ? ORDER BY no DESC LIMIT 1"
            found = self._connection.execute(asked, (of,)).fetchone()
            if found is None:
                return None
            self._known[of] = (found[0], load_values(found[1]))
        return self._known[of]

    def _new(self, of: str, values: Mapping[str, object], *, kind: str) -> int:
        number, self._next = self._next, self._next + 1
        body = dump_values(values)
        self._known[of] = (number, values)
        self._connection.execute(f"INSERT INTO {self._into}frame VALUES (?, ?, ?)", (number, of, body))
        taken = f"INSERT INTO {self._into}frame_value SELECT ?, key, value FROM json_each(?)"
        self._connection.execute(taken, (number, body))
        self.keys.update((kind, name) for name in values)
        return number


def _same(a: Mapping[str, object], b: Mapping[str, object], key: str) -> bool:
    x, y = a.get(key), b.get(key)
    if type(x) is not type(y) or x is y:
        return x is y
    return repr(x) == repr(y) if isinstance(x, float | list | dict) else x == y  # [1] == [1.0] == [True], 0.0 == -0.0


def fresh(made: Sequence[Indexed] = (), events: Sequence[Event] = (), *, tip: str) -> Rows:
    """Rows and events in any order, complete up to `tip`, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(_TABLES.format(""))
    rows = Rows(connection, tip)
    connection.execute("BEGIN")
    _insert(connection, made, events, into="main.")
    connection.execute("COMMIT")
    connection.executescript(_INDEXES)
    return rows


# ---- files


def _path(repo: Repo, ref: str) -> Path:
    name = ref.removeprefix("refs/").replace("%", "%25").replace("/", "%2F")
    return repo.common_dir / "gitexp" / "index" / name


def read_cache(repo: Repo, ref: str) -> Rows | None:
    """What the file of a ref holds; None where there is none that can be used."""
    if not _path(repo, ref).is_file():  # a FIFO would keep us waiting
        return None
    path = os.fsencode(_path(repo, ref))
    address = "".join(chr(c) if (chr(c).isalnum() and c < 128) or c in b"/._-" else f"%{c:02X}" for c in path)
    try:
        # Never locked: a file is replaced, and whoever has it open keeps what he opened.
        connection = sqlite3.connect(f"file:{address}?mode=ro&immutable=1", uri=True, isolation_level=None)
    except sqlite3.Error:
        return None
    with suppress(*DAMAGED):
        [(application,)] = connection.execute("PRAGMA application_id")
        [(version,)] = connection.execute("PRAGMA user_version")
        if (application, version) == (APPLICATION, VERSION):
            [(tip,)] = connection.execute("SELECT tip FROM tip")
            connection.execute("PRAGMA mmap_size = 268435456")
            return Rows(connection, str(tip))
    connection.close()
    return None


def left_behind(repo: Repo, branch: str, *, remote: str = "") -> GitexpError | None:
    """What to say where the branch was removed here, and no other ref holds the runs that this file knows of.

    `remote`: whose branch, as last fetched, it was.
    """
    rows = read_cache(repo, f"refs/remotes/{remote}/{branch}" if remote else f"refs/heads/{branch}")
    tip = revision(repo, rows.tip) if rows is not None else None
    if tip is None or tip in ROOTS or line(repo, "for-each-ref", "--count=1", "--contains", tip):
        return None
    newest = f"the newest of its runs that is known was the commit {tip[:10]}"
    if remote:
        what = f"{remote} has no branch {branch} any more, and `git fetch --prune` removed it here"
        return GitexpError(
            f"{what}; {newest}", fix=f"git branch {shlex.quote(branch)} {tip[:10]}    and, for all others, gitexp push"
        )
    return GitexpError(
        f"The branch {branch} was removed here; {newest}",
        why="Of runs that came after it, `git fsck --no-reflogs` names the commits, as dangling.",
        fix=f"git branch {shlex.quote(f'{branch}-before')} {tip[:10]}",
    )


def write_cache(repo: Repo, ref: str, rows: Rows, *, tip: str) -> None:
    """Replace the file of a ref, whole. Where it cannot be written, the next reader does the work again."""
    path = _path(repo, ref)
    beside = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.touch()  # SQLite's own files are for others to read alone, whatever core.sharedRepository wants
        with closing(sqlite3.connect(beside, isolation_level=None)) as file:
            file.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
            rows.connection.backup(file)
            file.execute("BEGIN")
            for name in _NAMES if rows.loose else ():
                found = rows.connection.execute(f"SELECT * FROM temp.loose_{name}").fetchall()
                if found:
                    marks = ", ".join("?" * len(found[0]))
                    file.executemany(f"INSERT OR IGNORE INTO {name} VALUES ({marks})", found)
            file.execute("COMMIT")
            file.executescript(f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}")
            file.execute("CREATE TABLE IF NOT EXISTS tip (tip)")
            file.execute("DELETE FROM tip")
            file.execute("INSERT INTO tip VALUES (?)", (tip,))
        beside.replace(path)
        for other in path.parent.glob(".*.tmp"):  # of who was killed while he wrote
            if time.time() - other.stat().st_mtime > AN_HOUR_S:
                other.unlink()
    except (OSError, sqlite3.Error):
        with suppress(OSError):
            beside.unlink()


def forget_cache(repo: Repo, ref: str) -> None:
    """Remove the file of a ref, where what it was read from has come back: the next reader reads it anew."""
    with suppress(OSError):
        _path(repo, ref).unlink()
