"""run.toml as named tuples, and back: identity, outcome, code, argv. Unknown keys are ignored on reading.

`None` means "not recorded"; the string "unknown" means "asked, no answer".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple

from gitexp.errors import GitexpError
from gitexp.record.digests import Oid
from gitexp.record.identity import Code, Recorder, RunId, as_plain
from gitexp.text.bounded import Unreadable, load_tables

FORMAT = 1

MOST_SPLITS = 100
MOST_SEEN = 1000
MOST_DIGESTS = 1000
SHORT = 8  # letters of a run's id in a sentence
_DIGEST = r"[a-z0-9-]{1,32}:[0-9a-f]{8,128}"
_DIGEST_NAME = r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}"

STATUSES = ("completed", "failed", "interrupted", "timed-out", "crashed")


class NewerFormat(GitexpError):
    """The record was written by a later gitexp whose format this one cannot know."""


class History(NamedTuple):
    """How much of the logged history the record holds."""

    rows: int  # logged
    kept: int  # in history.csv
    digest: str  # of the whole file: "xxh128:…"


class ByExample(NamedTuple):
    """Values by example, and where they are."""

    examples: int
    digest: str | None = None  # "xxh128:…", of the artifact that has them; None: items.csv


class Judged(NamedTuple):
    """Which row of the history the summary is of: the one that is best by a metric."""

    by: str
    goal: str  # max | min
    row: int  # from 1
    step: int | None = None  # the program gave none


class Resources(NamedTuple):
    """What was asked for and what the program could use. None: not known."""

    cpus_asked: int | None = None
    cpus: int | None = None
    memory_asked: str | None = None
    memory_bytes: int | None = None
    gpus_asked: int | None = None
    gpus: int | None = None
    processes: int | None = None


class Saved(NamedTuple):
    """What the program saved, in all."""

    files: int
    size_bytes: int
    sha256: str | None = None  # "sha256:…" of artifacts.sha256; None: the policy does not ask for it


class Seen(NamedTuple):
    """Metrics, or settings, that a program wrote for nobody in particular, and where they were seen."""

    kind: str  # "TensorBoard", "announced lines"
    rows: int = 0
    metrics: int = 0  # different names that came from there alone
    path: str | None = None  # relative to where the program ran; None: it was printed
    from_byte: int | None = None  # None: whole
    settings: int | None = None  # how many of settings.toml came from there; None: none were looked for, or found


class SplitRows(NamedTuple):
    """Which rows a split had. None: that could not be told."""

    rows: int
    by: str | None = None  # what `digest` is made of: their numbers ("index") or their "content"
    digest: str | None = None  # "sha256:…"


class Imported(NamedTuple):
    """Where an imported run came from, as that tool says it. None: it does not."""

    tool: str  # "MLflow"
    store: str | None = None  # the name of the file or folder
    id: str | None = None
    name: str | None = None
    status: str | None = None  # in the tool's own word
    url: str | None = None
    commit: str | None = None  # of the code; nobody has checked it
    times: str | None = None  # `finished` is when it "started", or when the "file" was written; None: when it finished
    artifacts: tuple[str, ...] = ()  # at most 100 names of what it saved, which was not copied
    tags: Mapping[str, str] = MappingProxyType({})


class Mixture(NamedTuple):
    """A rerun that has not all of one run: what of it was taken from which other run, or typed."""

    of: RunId  # has the rest
    code: RunId | None = None
    recipe: RunId | None = None
    keys: tuple[str, ...] = ()  # of that recipe, or options of that command; none: all
    data: Mapping[str, str] = MappingProxyType({})  # run ids by dataset
    environment: RunId | None = None
    packages: tuple[str, ...] = ()  # of that environment; `(other)`: all but the packages; none: all of it
    seed: int | None = None
    set: tuple[str, ...] = ()  # KEY=VALUE, as typed

    def __str__(self) -> str:
        """`qrst… with code, optimizer.lr of klmn…, seed 3`."""
        taken: dict[str, list[str]] = {}
        named = [("code", self.code), *((key, self.recipe) for key in self.keys or ("recipe",))]
        named += [(f"data {name}", RunId(run)) for name, run in self.data.items()]
        of_environment = [f"package {name}" for name in self.packages] or ["environment"]
        for what, run in (*named, *((name, self.environment) for name in of_environment)):
            if run is not None:
                taken.setdefault(run[:SHORT], []).append(what)
        words = [f"{', '.join(what)} of {run}" for run, what in taken.items()]
        words += [*self.set, *([f"seed {self.seed}"] if self.seed is not None else [])]
        return f"{self.of[:SHORT]} with {'; '.join(words) or 'nothing else'}"


class RunRecord(NamedTuple):
    """run.toml of format 1. Times are UTC; durations in seconds; memory in bytes."""

    id: RunId
    status: str
    recipe: str
    started: datetime
    finished: datetime
    argv: tuple[str, ...]
    cwd: str  # relative to the repository's root, "." for the root itself
    code: Code
    format: int = FORMAT
    attempt: int = 1
    kind: str = "run"
    recipe_path: str | None = None  # None: `gitexp run -- CMD`
    root: str | None = None  # where `code/` lay on that machine, absolute: what other recorded paths are told apart by
    exit_code: int | None = None  # None: died by a signal, or crashed
    signal: str | None = None  # "SIGKILL"; None: exited by itself
    stopped_by: str | None = None  # who asked it to stop: "SIGINT", "SIGTERM", "SIGHUP", "timeout"
    error: str | None = None  # why the program could not be started
    finished_is_last_sign: bool = False  # crashed: nobody saw the end, `finished` is the last sign of life
    duration_s: float | None = None
    peak_memory_bytes: int | None = None
    peak_memory_processes: int | None = None  # of how many it is the sum; None: the largest of any one
    seed: int | None = None
    user: str | None = None
    host: str | None = None
    message: str | None = None
    job: str | None = None  # the batch job that it was part of: "slurm:1234"; None: none that is known
    defects: tuple[str, ...] = ()  # sentences: data changed during the run, a metrics file that did not parse
    notes: tuple[str, ...] = ()  # sentences of what is in order but worth a word
    reproduces: str | None = None
    mixture: Mixture | None = None
    resources: Resources = Resources()
    digests: Mapping[str, str] = MappingProxyType({})
    splits: Mapping[str, SplitRows] = MappingProxyType({})
    history: History | None = None
    items: ByExample | None = None
    gitexp: Recorder | None = None  # who wrote the record; None: a version before 0.1.0
    artifacts: Saved | None = None
    recorded_by: str | None = None  # "user@host", where it was not the user that ran, or not that machine
    variables: Mapping[str, str] = MappingProxyType({})  # which gitexp set for the program, whatever the place
    summary: Judged | None = None
    seen: tuple[Seen, ...] = ()
    imported: Imported | None = None  # of a run that another tool kept


def dump_run(record: RunRecord) -> str:
    """The text of run.toml. Keys whose value is None or empty are left out; tables come last, as TOML wants."""
    import tomli_w

    return tomli_w.dumps(as_plain(record))


def load_run(text: str, *, where: str = "run.toml") -> RunRecord:
    """Parse run.toml. Raises NewerFormat or Unreadable, naming `where`."""
    return record_of(load_tables(text, where=where), where=where)


def record_of(table: Mapping[str, Any], *, where: str = "run.toml") -> RunRecord:
    """The same of a table that was parsed."""
    version = table.get("format")
    if type(version) is int and version > FORMAT:
        raise NewerFormat(
            f"{where} was written in record format {version}; this gitexp reads up to {FORMAT}",
            fix="pip install --upgrade gitexp",
        )
    try:
        parts = {"code": {}, **table}
        known = {"argv": [], **table, **{name: load(parts[name]) for name, load in _PARTS.items() if name in parts}}
        record: RunRecord = take(RunRecord, known)
        RunId(record.id)
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"{where} breaks the record format: {error}") from error
    return record


def texts_in(stated: Any, name: str) -> dict[str, str]:
    """A table of texts. Raises TypeError."""
    if not isinstance(stated, Mapping) or not all(isinstance(value, str) for value in stated.values()):
        raise TypeError(f"{name} must be a table of strings")
    return dict(stated)


def _imported(stated: Any) -> Imported:
    """Raises TypeError."""
    found: Imported = take(Imported, stated)
    return found._replace(tags=texts_in(found.tags, "tags"))


def load_mixture(stated: Any) -> Mixture:
    """Raises TypeError and ValueError."""
    found: Mixture = take(Mixture, stated)
    return found._replace(data={name: RunId(run) for name, run in texts_in(found.data, "mixture.data").items()})


def sound_digests(stated: Any) -> dict[str, str]:
    """The digests of weights and fitted state, by name, that are digests: the first 1,000. Raises TypeError."""
    if not isinstance(stated, Mapping):
        raise TypeError("digests must be a table")
    right = {
        name: digest
        for name, digest in stated.items()
        if re.fullmatch(_DIGEST_NAME, name) and isinstance(digest, str) and re.fullmatch(_DIGEST, digest)
    }
    return dict(list(right.items())[:MOST_DIGESTS])


def sound_seen(stated: Any) -> tuple[Seen, ...]:
    """Where metrics were seen, as far as it is said properly: the first 1,000. Raises TypeError."""
    if not isinstance(stated, list):
        raise TypeError("seen must be an array")
    found = []
    for one in stated[:MOST_SEEN]:
        with suppress(TypeError):
            found.append(take(Seen, one))
    return tuple(found)


def sound_splits(stated: Any) -> dict[str, SplitRows]:
    """Which rows each split had, as far as it is said properly: the first 100. Raises TypeError."""
    if not isinstance(stated, Mapping):
        raise TypeError("splits must be a table")
    found = {}
    for name, known in list(stated.items())[:MOST_SPLITS]:
        rows, by, digest = (known.get(key) for key in SplitRows._fields) if isinstance(known, Mapping) else (None,) * 3
        if re.fullmatch(_DIGEST_NAME, name) and type(rows) is int:
            told = by in ("index", "content") and isinstance(digest, str) and re.fullmatch(_DIGEST, digest)
            found[name] = SplitRows(rows, by, digest) if told else SplitRows(rows)
    return found


@cache
def _types(kind: Any) -> list[tuple[str, str]]:
    """Its fields, each with the name of its type."""
    named = {field: str(getattr(stated, "__forward_arg__", stated)) for field, stated in kind.__annotations__.items()}
    return [(field, name.split(" |")[0]) for field, name in named.items()]


_CHECKS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "datetime": (datetime,),
    "RunId": (str,),
    "Oid": (str,),
}
_MADE: dict[str, Callable[[str], str]] = {"RunId": RunId, "Oid": Oid}


def take(kind: type[Any], table: Any) -> Any:
    """A named tuple of a table that anybody wrote; keys that it has no field for are ignored. Raises TypeError."""
    if not isinstance(table, dict):
        raise TypeError(f"{kind.__name__.lower()} must be a table")
    values: dict[str, Any] = {}
    for field, name in _types(kind):  # type: ignore[arg-type]
        if field not in table:
            continue
        value: Any = table[field]
        if name == "tuple[str, ...]":
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                raise TypeError(f"{field} must be an array of strings")
            value = tuple(value)
        elif name in _CHECKS:
            right = isinstance(value, _CHECKS[name]) and (name == "bool" or not isinstance(value, bool))
            if not right:
                raise TypeError(f"{field} must be {name}, not {type(value).__name__}")
            if name in _MADE:
                value = _MADE[name](value)
            elif name == "datetime" and value.tzinfo is None:
                value = value.replace(tzinfo=UTC)
        values[field] = value
    return kind(**values)


_PARTS: Mapping[str, Callable[[Any], Any]] = {
    "code": partial(take, Code),
    "history": partial(take, History),
    "items": partial(take, ByExample),
    "imported": _imported,
    "mixture": load_mixture,
    "summary": partial(take, Judged),
    "seen": lambda stated: sound_seen(stated),
    "resources": partial(take, Resources),
    "gitexp": partial(take, Recorder),
    "digests": sound_digests,
    "splits": sound_splits,
    "artifacts": partial(take, Saved),
    "variables": partial(texts_in, name="variables"),
}
