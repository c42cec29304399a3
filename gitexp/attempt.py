"""An attempt of a run until it is in a record: what was checked and submitted, how it ended, what it logged."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp import runfolder
from gitexp.clone import Clone
from gitexp.record.digests import Oid
from gitexp.record.identity import Code, RunId, as_plain
from gitexp.record.manifest import ALGORITHM
from gitexp.record.written import Written
from gitexp.record.written import load as load_written
from gitexp.regularfile import read_regular
from gitexp.spec.config import HISTORY_LIMIT_BYTES, Config

if TYPE_CHECKING:
    from gitexp.capture.kinds import Kind
    from gitexp.capture.source import Source
    from gitexp.datasets.ready import Dataset
    from gitexp.git.repo import Repo
    from gitexp.git.worktree import Surveyed
    from gitexp.record.datarecord import DatasetRecord
    from gitexp.record.metrics import Number
    from gitexp.record.runrecord import ByExample, Judged, Seen
    from gitexp.spec.recipe import Recipe


CHANGED = ".changed"  # after the name of a file that was not as it had been written


class Again(NamedTuple):
    """A recorded run that goes on."""

    id: RunId
    attempt: int  # the next one
    code_tree: str  # which has to be what runs now
    code_commit: str | None  # the commit that has it, where there is one
    restore: Callable[[Path], None]  # puts what earlier attempts left into the run's folder


class Rerun(NamedTuple):
    """A recorded run that is done once more, in a working tree of its own inside of the new run's folder."""

    id: RunId  # of the new one
    folder: Path
    lock: int  # its recorder's
    home: Repo  # where it was asked for, and is recorded from
    code: Code  # as recorded
    code_tree: str
    env: Mapping[str, str]  # in which git sees that tree as it was laid out
    placed: tuple[str, ...]  # paths in it where data was put: no edits of the code
    original: Mapping[str, Any]  # id, attempt and commit of what it repeats, or of which it has the most
    strange_imports: tuple[str, ...] = ()  # sentences on modules of the code that will come from elsewhere
    mixture: Mapping[str, Any] = {}  # as run.toml has it
    variables: Mapping[str, str | None] = {}  # that its program gets besides; None: is not to be there


class Checked(NamedTuple):
    """A run that may start."""

    surveyed: Surveyed
    config: Config
    recipe: Recipe
    datasets: Mapping[str, Dataset]
    argv: tuple[str, ...]
    cwd: Path
    said: tuple[str, ...]  # lines of a hook that let it pass, and warnings
    smoke: bool = False
    again: Again | None = None
    rerun: Rerun | None = None

    @property
    def clone(self) -> Clone:
        """Where it will run."""
        return Clone(self.surveyed.repo, self.config)

    @property
    def kind(self) -> str:
        """As run.toml has it."""
        return "smoke" if self.smoke else "rerun" if self.rerun else "run"

    @property
    def described(self) -> Mapping[str, DatasetRecord]:
        """Its datasets, as the record will have them."""
        return {name: dataset.record for name, dataset in self.datasets.items()}


class Submission(NamedTuple):
    """submit.json: what whoever records the run must know. What one of another gitexp lacks has its default."""

    id: str = ""
    attempt: int = 1
    kind: str = "run"
    job: str | None = None
    recipe: str = ""
    recipe_path: str | None = None
    argv: tuple[str, ...] = ()
    cwd: str = "."  # relative to `root`
    seed: int | None = None
    user: str | None = None
    host: str | None = None
    message: str | None = None
    variables: Mapping[str, str] = {}
    digests: tuple[str, ...] = (ALGORITHM,)  # algorithms in which what is saved is listed
    branch: str = ""
    code: Code = Code(clean=False)
    code_tree: str = ""
    root: str = ""
    submitted: float = 0.0  # seconds since 1970
    history_limit: int = HISTORY_LIMIT_BYTES
    sign: bool = False  # gitexp.toml asked for it
    metric_files: Mapping[str, Written] = {}  # those that were there already
    metric_patterns: tuple[str, ...] = ()  # what this run may write to and others too, absolute
    seen: Mapping[str, Written] | None = None  # files of known kinds that were there already; None: nobody looks
    parameters: Mapping[str, str] = {}  # the program's parameter files as they were: name → text
    outputs: Mapping[str, Written] = {}  # those of [run] outputs that were there already
    notes: tuple[str, ...] = ()  # sentences for the record, known before the run
    original: Mapping[str, Any] = {}  # of a rerun: id, attempt and commit of the run that it is compared with
    strange_imports: tuple[str, ...] = ()
    mixture: Mapping[str, Any] = {}  # of a rerun that has not all of one run: as run.toml has it
    metrics_named: tuple[str, ...] = ()  # by the recipe itself
    resources: Mapping[str, Any] = {}
    manifests: Mapping[str, str] = {}  # digests, by file name
    data: Mapping[str, str] = {}  # where each dataset lies
    catalogued: tuple[str, ...] = ()  # where those of the catalogue do, absolute
    withheld: tuple[str, ...] = ()  # where restricted ones do
    # Of the files that a record takes over, those that are short, and the sizes of those that may be long: torn, or
    # changed by the program, they would pass for a recipe, or for data.
    texts: Mapping[str, str] = {}
    sizes: Mapping[str, int] = {}


class Ended(NamedTuple):
    """A run folder whose program has ended, read back. `outcome` is None when nobody saw the end."""

    folder: Path
    submission: Submission
    started: Mapping[str, Any]
    outcome: Mapping[str, Any] | None
    environment: Mapping[str, Any]
    after: Mapping[str, Any] | None  # None: recorded later, when nobody could check any more
    torn: tuple[str, ...] = ()  # sentences on files that a power cut has torn, or the program changed

    @property
    def status(self) -> str:
        """As run.toml has it; `completed`: the program came to its end by itself, with exit code 0."""
        if self.outcome is None:
            return "crashed"
        if self.outcome["stop"]:
            return "timed-out" if self.outcome["stop"] == "timeout" else "interrupted"
        return "completed" if self.outcome["exit_code"] == 0 else "failed"


class Found(NamedTuple):
    """A file, and one training in it."""

    name: str
    kind: Kind
    source: Source
    prefix: str = ""  # before the names of its metrics: train/ where it lies in such a folder beside val/
    start: int = 0  # the byte behind what was there already


class Captured(NamedTuple):
    """What was found, and what there is to say. `several`: trainings, so that nothing printed is of one run either."""

    found: tuple[Found, ...] = ()
    several: bool = False
    settings: bool = True  # whether they are to be taken, too
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Collected(NamedTuple):
    """Everything that became known of a run's metrics."""

    summary: Mapping[str, Number]
    goals: tuple[str, ...]  # metrics
    judged: Judged | None  # which row the summary is of
    history_csv: bytes  # what the record holds; empty when nothing was logged
    whole: Path | None  # where history_csv is a sample of it
    digest: str  # of the whole, xxh128
    rows_total: int
    rows_kept: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    seen: tuple[Seen, ...] = ()  # files and lines that the program wrote by itself
    settings: Mapping[str, Mapping[str, Any]] = {}  # by whose they are, what was found beside
    items: ByExample | None = None
    items_csv: bytes = b""  # what the record holds of it


class Kept(NamedTuple):
    """What the program saved, in the object store."""

    manifests: Mapping[str, bytes]  # by algorithm
    files: int = 0
    size_bytes: int = 0
    problems: tuple[str, ...] = ()  # a sentence on each that could not be kept
    sizes: Mapping[str, int] = {}  # in bytes, by digest


def dump_submission(submission: Submission) -> bytes:
    """The bytes of submit.json."""
    document = {"format": runfolder.FORMAT, **submission._asdict(), "code": as_plain(submission.code)}
    return json.dumps(document).encode()


def read_submission(folder: Path) -> Submission | None:
    """What was submitted; None where nothing was (yet). Raises OSError, Torn, ValueError for what is no submit.json."""
    document = runfolder.read_json(str(folder), runfolder.SUBMIT)
    return None if document is None else _submission(document)


def unrecorded(runs: Path, *, root: str) -> dict[str, float]:
    """Runs in the working tree at `root` that are at work or wait to be recorded; when each was submitted."""
    found = {}
    for folder in runs.iterdir() if runs.is_dir() else ():
        with suppress(OSError, ValueError):
            theirs = read_submission(folder)
            if theirs is not None and theirs.root == root:
                found[folder.name] = theirs.submitted
    return found


def _submission(document: Mapping[str, Any]) -> Submission:
    try:
        code = Code(**{"clean": False, **_fields(Code, document.get("code", {}))})
        code = code._replace(commit=Oid(code.commit) if code.commit else None)
        noted = {
            name: load_written(document[name])
            for name in ("metric_files", "outputs", "seen")
            if document.get(name) is not None
        }
        return Submission(**_fields(Submission, document) | {"code": code, **noted})
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{runfolder.SUBMIT} is not what gitexp writes") from error


def _fields(kind: type[Submission | Code], table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in table.items() if key in kind._fields}


def read_ended(folder: Path, content: bytes | None = None) -> Ended | None:
    """The run in this folder; None where no program was ever started. The caller holds its record.lock.

    What the program, or a power cut, made of the submitting side's files is named, and they are put back as far as
    submit.json has them. Raises Torn where that itself is torn, ValueError where it says too little; of what the
    worker wrote, the rest is recorded. `content`: of submit.json, where it was kept.
    """
    changed = content is not None and folder.exists() and _put_back(folder, runfolder.SUBMIT, content)
    runfolder.bring_back(str(folder))
    torn: list[str] = []

    def read(name: str) -> dict[str, Any] | None:
        try:
            return runfolder.read_json(str(folder), name)
        except runfolder.Torn as error:
            torn.append(str(error.strerror))
            return {} if name == runfolder.STARTED else None

    document = runfolder.read_json(str(folder), runfolder.SUBMIT)
    started, outcome = read(runfolder.STARTED), read(runfolder.OUTCOME)
    if document is None or (started is None and outcome is None):
        return None
    submission = _submission(document)
    if not (submission.submitted and submission.branch and submission.code_tree and submission.code.commit):
        raise ValueError(f"{runfolder.SUBMIT} does not say what ran, when, or for which branch")
    for name, text in submission.texts.items():
        if _put_back(folder, name, text.encode()):
            torn.append(f"{name} was changed while the program ran, and is recorded as it was before")
    for name, size in submission.sizes.items():
        if not _has_size(folder, name, size):
            torn.append(f"{name} was changed or removed while the program ran, so that it is not recorded")
    environment, after = read(runfolder.ENVIRONMENT), read(runfolder.AFTER)
    if changed:
        torn.append(f"{runfolder.SUBMIT} was changed while the program ran, and put back")
    return Ended(folder, submission, started or {}, outcome, environment or {}, after, tuple(torn))


def _put_back(folder: Path, name: str, content: bytes) -> bool:
    """Give a file back what it held when the run started. Whether it was not that, now or at an earlier look."""
    try:
        if read_regular(folder / name) == content:
            return os.path.lexists(_aside(folder, name))
    except (OSError, ValueError):
        pass  # removed, or no file any more
    _set_aside(folder, name)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    runfolder.write_whole(str(folder), name, content)
    return True


def _has_size(folder: Path, name: str, size: int) -> bool:
    """Whether a file has as many bytes as it was given. One that has not is set aside."""
    try:
        if (folder / name).stat().st_size == size:
            return True
    except OSError:
        pass
    _set_aside(folder, name)
    return False


def _set_aside(folder: Path, name: str) -> None:
    """Keep what became of a file under another name, which also says that it was not as it had been written."""
    try:
        (folder / name).replace(_aside(folder, name))
    except OSError:
        os.close(os.open(_aside(folder, name), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))


def _aside(folder: Path, name: str) -> Path:
    return folder / (name.replace("/", "-") + CHANGED)
