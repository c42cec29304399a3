"""Turn the commit of a run into its row of the index, whatever may be wrong with its record.

What many runs share (recipes, environments, data) is read and parsed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.history.inputs import COMMAND, alike_key, is_command, rows_key
from gitexp.history.read import load_record, parse_tree
from gitexp.history.row import Row, dump_values
from gitexp.record.arguments import settings_in
from gitexp.record.datarecord import DatasetRecord, load_data
from gitexp.record.digests import Oid
from gitexp.record.identity import VERDICT, RunId
from gitexp.record.metrics import load_metrics
from gitexp.text.bounded import LARGEST, load_tables

if TYPE_CHECKING:
    from gitexp.record.runrecord import RunRecord
    from gitexp.record.verdict import Verdict

T = TypeVar("T")

A_DAY_S = 86_400.0  # clocks differ; what is later than this is no time that a run can have ended
LAST_SECOND = 253402300799  # of the year 9999; a commit may claim to be of any year
MOST_METRICS = 1000  # of one run that a row carries
MOST_SETTINGS = 1000
LONGEST_KEY = 200
LONGEST = 2000  # characters of a setting; of a longer one the beginning is kept
SHARED = 4096  # parsed files that are kept
AT_ONCE = 500  # runs
_PARTS = ("run.toml", "metrics.toml", "recipe.toml", "data.toml", "settings.toml", "environment.toml", VERDICT)
NO_ENVIRONMENT: tuple[Mapping[str, Any], str] = ({}, "")
UNREAD = "{ }"  # the metrics of a record of which nothing could be read
NO_SETTINGS = ("metrics.", "capture.", "space.", "run.outputs", "run.old_outputs", COMMAND)  # beginnings of keys


class RunCommit(NamedTuple):
    """The commit of a run, by its header; dates are in seconds since 1970, the trailer is what it calls the run."""

    id: str
    authored: int
    committed: int
    author: str
    trailer: str


class Indexed(NamedTuple):
    """A row, and what the index writes down once for many."""

    row: Row
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    environment_of: str | None  # the object that it was read from


Found = tuple[str, bytes | None] | None


def read_rows(reader: ObjectReader, commits: Sequence[RunCommit]) -> list[Indexed]:
    """The rows of these commits, in their order."""
    shared = _Shared(reader)
    made: list[Indexed] = []
    for at in range(0, len(commits), AT_ONCE):
        some = commits[at : at + AT_ONCE]
        found = reader.find_many([f"{one.id}^{{tree}}" for one in some], limit=LARGEST)
        trees = [
            None if tree is None else parse_tree(tree[1] or b"", id_bytes=len(one.id) // 2)
            for one, tree in zip(some, found, strict=True)
        ]
        shared.fetch(trees)
        for one, tree in zip(some, trees, strict=True):
            made.append(_row(one, tree, shared))
    return _placed(made)


def _placed(made: list[Indexed]) -> list[Indexed]:
    """When a run ended of which run.toml is missing here is not known: after the run that it was put on."""
    for at in range(len(made) - 1, -1, -1):
        row = made[at].row
        if row.lost and row.metrics_text == UNREAD:
            before = made[min(at + 1, len(made) - 1)].row
            ended, ordered = max(row.finished, before.finished + 0.001), max(row.ordered, before.ordered)
            made[at] = made[at]._replace(row=row._replace(finished=ended, ordered=ordered, metrics_text="{}"))
    return made


class _Shared:
    """Files of records by object: the bytes of those being read, and what was made of those that recur."""

    def __init__(self, reader: ObjectReader | None, given: Mapping[str, bytes] | None = None) -> None:
        self._reader = reader
        self._bytes: dict[str, Found] = {name: (name, content) for name, content in (given or {}).items()}
        self._made: dict[tuple[str, str], Any] = {}

    def fetch(self, trees: Sequence[Mapping[str, str] | None]) -> None:
        """Read what these records hold and is not known yet."""
        wanted = {tree[name] for tree in trees if tree is not None for name in _PARTS if name in tree}
        self._bytes = {oid: found for oid, found in self._bytes.items() if oid in wanted}
        missing = [oid for oid in wanted if oid not in self._bytes]
        assert self._reader is not None
        self._bytes.update(zip(missing, self._reader.find_many(missing, limit=LARGEST), strict=True))

    def text(self, tree: Mapping[str, str], name: str) -> str:
        """A file of a record as text. Raises GitexpError where it is missing, too large or not UTF-8."""
        found = self._bytes.get(tree[name]) if name in tree else None
        if found is None:
            raise GitexpError(f"{name} is missing")
        if found[1] is None:
            raise GitexpError(f"{name} is larger than {LARGEST >> 20} MiB")
        try:
            return found[1].decode("utf-8")
        except UnicodeDecodeError as error:
            raise GitexpError(f"{name} is not UTF-8") from error

    def made(self, tree: Mapping[str, str], name: str, make: Callable[[str], T], otherwise: T) -> T:
        """What is made of a file, once for all records that have the same; `otherwise` where it cannot be read."""
        key = (name, tree.get(name, ""))
        if key not in self._made:
            if len(self._made) > SHARED:
                self._made.clear()
            self._made[key] = otherwise
            with suppress(GitexpError):  # `show` and `diff` say so; a listing is of what can be read
                self._made[key] = make(self.text(tree, name))
        return self._made[key]  # type: ignore[no-any-return]

    def lost(self, tree: Mapping[str, str]) -> list[str]:
        """The files that the record's tree names and this clone lacks."""
        return [name for name in _PARTS if name in tree and self._bytes.get(tree[name]) is None]


def _row(commit: RunCommit, tree: Mapping[str, str] | None, shared: _Shared) -> Indexed:
    lost = ["its tree"] if tree is None else shared.lost(tree)
    made = _read(commit, tree or {}, shared)
    if lost:
        problem = f"{lost[0]} is missing from this clone"
        made = made._replace(row=made.row._replace(status="unreadable", problem=problem, lost=True))
    return made


def _read(commit: RunCommit, tree: Mapping[str, str], shared: _Shared) -> Indexed:
    try:
        run = load_record(shared.text(tree, "run.toml"))
        if run.id != commit.trailer:
            raise GitexpError(f"run.toml is of run {run.id}, the commit message of {commit.trailer[:40]}")
    except GitexpError as error:
        return Indexed(_unreadable(commit, problem=error.what), {}, {}, None)
    metrics: Mapping[str, Any] = {}
    with suppress(GitexpError):
        metrics = load_metrics(shared.text(tree, "metrics.toml")) if "metrics.toml" in tree else {}
    data: Mapping[str, DatasetRecord] = shared.made(tree, "data.toml", load_data, {})
    recipe: Mapping[str, Any] | None = shared.made(tree, "recipe.toml", _recipe, None)
    noted: Mapping[str, Any] = shared.made(tree, "settings.toml", _noted, {})
    code = tree.get("code")
    known = recipe is not None and not run.imported
    alike = alike_key(recipe or {}, code=code, data=data, kind=run.kind) if known else ""
    environment, hardware = shared.made(tree, "environment.toml", _environment, NO_ENVIRONMENT)
    verdict = _verdict(run, tree, shared)
    row = Row(
        id=run.id,
        commit=commit.id,
        attempt=run.attempt,
        finished=run.finished.timestamp(),
        ordered=_ordered(run.finished.timestamp(), commit.committed),
        author=commit.author,
        status=run.status,
        recipe=run.recipe[:200],
        kind=run.kind,
        duration_s=run.duration_s,
        clean=run.code.clean and not run.code.edited_count,
        seed=run.seed,
        message=run.message.strip().splitlines()[0][:500] if run.message and run.message.strip() else None,
        defects=len(run.defects),
        held_out=rows_key((run.splits, data)),
        code=code,
        alike=alike,
        hardware=hardware,
        reproduces=(run.reproduces or "")[:LONGEST_KEY],
        mixes=run.mixture.of if run.mixture else "",
        judged=Oid(verdict.commit).digits if verdict else "",
        grade=verdict.grade if verdict else "",
        metrics_text=dump_values(_first(metrics, recipe or {})),
        data_text=dump_values({name: one.digest for name, one in data.items() if one.digest is not None}),
    )
    given = _arguments(recipe or {})  # an argument is what the program got, whatever a key of its name says
    settings = dict(
        _told({**given, **noted, **_program(recipe or {}), **{k: given[k] for k in given if k not in noted}})
    )
    return Indexed(row, settings, environment, tree.get("environment.toml") if environment else None)


def _first(metrics: Mapping[str, Any], recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """As many as a row carries, of too many those with a goal first."""
    if len(metrics) <= MOST_METRICS:
        return metrics
    from gitexp.record.metrics import foremost
    from gitexp.text.schema import dotted

    goals = [name for name in metrics if dotted(("metrics", "goal", name)) in recipe]
    return {name: metrics[name] for name in foremost(metrics, goals)[:MOST_METRICS]}


def _recipe(text: str) -> Mapping[str, Any]:
    from gitexp.spec.recipe import flatten

    return flatten(load_tables(text, where="recipe.toml"))


def _noted(text: str) -> Mapping[str, Any]:
    """settings.toml: the program's names, whichever of its files they stood in."""
    tables = load_tables(text, where="settings.toml")
    return {key: value for table in tables.values() if isinstance(table, dict) for key, value in table.items()}


def _environment(text: str) -> tuple[Mapping[str, Any], str]:
    """The facts by dotted key, and the hardware in a few words."""
    from gitexp.record.environment import UNKNOWN_HARDWARE, environment_class
    from gitexp.spec.recipe import flatten

    tables = load_tables(text, where="environment.toml")
    hardware = environment_class(tables)
    return dict(_told(flatten(tables))), "" if hardware == UNKNOWN_HARDWARE else hardware[:LONGEST_KEY]


def _verdict(run: RunRecord, tree: Mapping[str, str], shared: _Shared) -> Verdict | None:
    """What a rerun says of the run that it repeats. None where there is nothing, or nothing that counts."""
    if VERDICT not in tree or not run.reproduces:
        return None
    from gitexp.record.verdict import load_verdict_of

    with suppress(GitexpError):
        return load_verdict_of(run, shared.text(tree, VERDICT))
    return None


def _program(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What of a recipe's values is told to the program."""
    return {key: value for key, value in recipe.items() if not key.startswith(NO_SETTINGS)}


def _arguments(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a command line by the names of its options."""
    command = recipe.get(COMMAND)
    return settings_in(command or ()) if is_command(command) else {}


def _told(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Values as the index keeps them, within bounds."""
    for key, value in list(values.items())[:MOST_SETTINGS]:
        plain = _plain(value)
        if plain is not None and len(key) <= LONGEST_KEY:  # cut, it would be another's name
            yield key.replace("\0", "\\x00"), plain


def _plain(value: Any) -> Any:
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        value = value.replace("\0", "\\x00")  # where a text ends for SQLite
        return value[:LONGEST] if value.isascii() else value.encode("utf-8", "backslashreplace").decode()[:LONGEST]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(item) for item in value[:100]]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in list(value.items())[:100]}
    return value


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
    return Row(
        run_id, commit.id, 1, ended, ordered, commit.author, "unreadable", problem=problem[:500], metrics_text=UNREAD
    )


def read_row(commit: RunCommit, parts: Mapping[str, bytes]) -> Row:
    """A run by the files of its record."""
    return _read(commit, {name: name for name in parts}, _Shared(None, parts)).row
