"""A run in progress: the folder that the submitting side and the worker share, and nothing else. Standard library only.

    <git common dir>/gitexp/runs/<id>/
        submit.json       submitting side: what the recorder must know later (code tree, recipe name, message, …)
        job.json          submitting side: what the worker needs (argv, cwd, environment additions, timeout, streams)
        recipe.toml       submitting side: the resolved recipe; the program finds it in GITEXP_RECIPE
        data/             submitting side: data.toml and the manifests, whole (NAME.xxh128, NAME.sha256)
        splits/           submitting side: row numbers, NAME/SPLIT; the program finds them through GITEXP_SPLITS
        starting.json     worker: when the program starts, its process id and its machine; then, renamed by that very
        started.json      process as its last act before it becomes the program: from then on there is a run
        output.*          worker: what it printed, bounded (see worker/output.py)
        matched.jsonl     worker: metrics found in the output by the recipe's patterns
        announced.jsonl   worker: those that the program announced by itself (METRIC name=value, __RESULT__ {json})
        environment.json  worker: what the probe said
        usage.csv         worker: what the program uses of the machine, from two seconds on (see worker/usage.py)
        outcome.json      worker, last: its presence means that the program has ended (outcome.room: place kept for it)
        worker-error.txt  worker: why it gave up, where it has a bug
        worker.lock       held (flock) by the worker while it lives; its mtime is the last sign of life
        metrics.jsonl     the program, through GITEXP_METRICS
        items.jsonl       the program, beside that file: values by example
        saved/            the program, through GITEXP_OUTPUT
        outputs.json      the recorder: the names in saved/ that it put there, of [run] outputs
        earlier.csv       submitting side, from the second attempt on: history.csv of the one before
        training.json     submitting side, of a recipe made of components: what gitexp.training needs beside recipe.toml
        lib/              submitting side: a link to this gitexp, where the training program's PYTHONPATH begins
        components.json   the training program, before its first step: no run without it
        refused.json      the training program, instead: what is wrong with the recipe
        trained.json      the training program: digests, and what the result depends on
        progress.json     the training program, now and then: how far it is
        ranks/            the training program: N.json of each of several processes
        index, objects/   submitting side: git index and git objects of a dirty tree's snapshot
        ID/               submitting side, of a rerun: the working tree that it runs in (see git/owntree.py)
        secrets.json      submitting side, for nobody else's eyes: what the recorder must not let into the record
        after.json        submitting side: what had changed under the program when it ended
        NAME.changed      the recorder: what became of a file of the submitting side, which was put back
        beside-ID.json    submitting side of this run, or of the run ID: that it was here too, and its metric files
        record/, tried    the recorder: the tree being built, and each commit id it tried
        record.lock       held (flock) by whoever may record the run

Each file has one writer. Files that must be whole are written beside and renamed. What the disk did not take from the
worker lies in `gitexp-<uid>/<id>/` of the machine's temporary files (`NAME`, or `NAME@OFFSET`: what follows in it),
until whoever records the run brings it back.
"""

from __future__ import annotations

import errno
import os

from gitexp import wholefile
from gitexp.regularfile import read_regular

# The worker starts in 8 ms because nothing it loads imports json, typing or re before the program runs.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT = 1

SUBMIT = "submit.json"
JOB = "job.json"
RECIPE = "recipe.toml"
DATA = "data"
SPLITS = "splits"
STARTING = "starting.json"
STARTED = "started.json"
MATCHED = "matched.jsonl"
ANNOUNCED = "announced.jsonl"
ENVIRONMENT = "environment.json"
USAGE = "usage.csv"
OUTCOME = "outcome.json"
WORKER_LOCK = "worker.lock"
METRICS = "metrics.jsonl"
ITEMS = "items.jsonl"  # gitexp/script.py knows it too
SAVED = "saved"
OUTPUTS = "outputs.json"
EARLIER = "earlier.csv"
TRAINING = "training.json"
LIB = "lib"
COMPONENTS = "components.json"
REFUSED = "refused.json"
TRAINED = "trained.json"
RANKS = "ranks"
PROGRESS = "progress.json"
INDEX = "index"
OBJECTS = "objects"
AFTER = "after.json"
SECRETS = "secrets.json"
BESIDE = "beside-"
RECORD = "record"
TRIED = "tried"
RECORD_LOCK = "record.lock"
OLD = ".old-"  # before the id, in the name of a folder that is being removed

LOGGED = (METRICS, MATCHED, ANNOUNCED)  # rows of metrics, while the program runs

TORN = "torn"  # beside the folder of runs
FROM = "@"  # between the name and the offset of what is elsewhere


def identity(pid: int | None = None) -> dict[str, Any]:
    """Who is at work: a process (ours, if none is given) of a boot of a machine, as far as the system tells."""
    pid = pid or os.getpid()
    return {"pid": pid, "host": os.uname().nodename, "boot": _boot(), "space": _pid_space(), "since": since(pid)}


def _boot() -> str:
    """What this machine's kernel is called until it starts anew. Containers share it: so they share locks."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def _pid_space() -> str:
    """In which the numbers of processes mean something."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def since(pid: int) -> str:
    """When a process began, in its kernel's ticks: with its number it is nobody else's. Empty where there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *fields = file.read().rpartition(b")")[2].split()
    except (OSError, ValueError):
        return ""
    return (
        "" if state in (b"Z", b"X") or len(fields) < 19 else os.fsdecode(fields[18])
    )  # the dead may wait to be reaped


def runs_folder(common_dir: str) -> str:
    """Where the runs in progress of a repository lie."""
    return os.path.join(common_dir, "gitexp", "runs")


def create(common_dir: str, run_id: str) -> tuple[str, int]:
    """Make the folder of a new run, empty; its path and its record.lock, held.

    It gets its name only when the lock is held, so that no other command takes it for a left-over. Raises OSError, and
    leaves nothing, where a folder of that id is there: the attempts of a run share one.
    """
    parent = runs_folder(common_dir)
    folder, unnamed = os.path.join(parent, run_id), os.path.join(parent, f".new-{run_id}")
    os.makedirs(os.path.join(unnamed, SAVED))
    os.mkdir(os.path.join(unnamed, DATA))
    held = lock(unnamed, RECORD_LOCK)
    if held is None:
        raise FileExistsError(unnamed)
    try:
        os.rename(unnamed, folder)
    except OSError:
        os.close(held)
        _remove_tree(unnamed)
        raise
    return folder, held


def remove(folder: str) -> None:
    """Remove a run's folder. It loses its name first: half a folder would pass for a run that waits to be recorded."""
    parent, run_id = os.path.split(folder)
    unnamed = os.path.join(parent, f"{OLD}{run_id}")
    try:
        os.rename(folder, unnamed)
    except OSError:
        return  # the next command finds it in the branch, and tries again
    remove_old(unnamed)


def remove_old(unnamed: str) -> None:
    """Remove what was a run's folder, and what git knows of a working tree that lay in it (see git/owntree.py)."""
    parent, name = os.path.split(unnamed)
    _forget_tree(parent, name.removeprefix(OLD))
    _remove_tree(unnamed)


def _forget_tree(parent: str, run_id: str) -> None:
    """Remove git's entry of a run's own working tree, if it had one."""
    entries = os.path.join(os.path.dirname(os.path.dirname(parent)), "worktrees")
    entry = os.path.join(entries, run_id)
    if os.path.isdir(entry):
        _remove_tree(entry)
        try:
            os.rmdir(entries)  # as git does after the last one
        except OSError:
            pass


def _remove_tree(folder: str) -> None:
    from gitexp.removal import remove_tree  # the worker, which imports this file, removes nothing

    remove_tree(folder)


def never_began(folder: str) -> bool:
    """Whether this is of a recipe made of components, and its training has not begun: then there is no run (yet)."""
    training, components = (os.path.exists(os.path.join(folder, name)) for name in (TRAINING, COMPONENTS))
    return training and not components


def write_whole(folder: str, name: str, content: bytes) -> None:
    """Write a file so that a reader sees all of it or none of it, whenever the writer is killed."""
    wholefile.write_whole(os.path.join(folder, name), content)


def write_to(fd: int, content: bytes) -> None:
    """Let an open file hold this and nothing else. Raises OSError."""
    os.ftruncate(fd, 0)
    os.pwrite(fd, content, 0)


def write_json(folder: str, name: str, document: dict[str, Any]) -> None:
    """Write a JSON document whole."""
    import json

    write_whole(folder, name, json.dumps(document).encode())


class Torn(OSError, ValueError):
    """A file that was written whole is not: a power cut left it empty or cut off."""

    def __init__(self, folder: str, name: str) -> None:
        super().__init__(errno.EIO, f"{name} is empty or cut off, as a power cut leaves it")
        self.folder, self.name = folder, name


def read_json(folder: str, name: str) -> dict[str, Any] | None:
    """Read a JSON document; None where there is none (yet). Raises OSError, among them Torn."""
    import json

    try:
        document = json.loads(read_regular(os.path.join(folder, name)))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise Torn(folder, name) from error
    return document if isinstance(document, dict) else None


def gathered(folder: str) -> set[str]:
    """The names in saved/ that a recorder put there."""
    try:
        return set((read_json(folder, OUTPUTS) or {}).get("names", ()))
    except Torn:
        return set()


def put_aside(folder: str) -> str:
    """Move a folder that cannot be recorded out of the way, for good; where it is then. Raises OSError."""
    parent, run_id = os.path.split(folder)
    aside = os.path.join(os.path.dirname(parent), TORN, run_id)
    os.makedirs(os.path.dirname(aside), exist_ok=True)
    while os.path.lexists(aside):
        aside += "+"
    os.rename(folder, aside)
    _forget_tree(parent, run_id)
    return aside


def lock(folder: str, name: str) -> int | None:
    """Take a lock file without waiting: its descriptor, or None when somebody else holds it. Closing it lets go."""
    import fcntl
    import json

    fd = os.open(os.path.join(folder, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    if not _is_there(fd, os.path.join(folder, name)):
        os.close(fd)
        return None  # that of an attempt that was recorded meanwhile; the folder may be the next one's by now
    try:
        write_to(fd, json.dumps(identity()).encode())  # for those to whom this lock says nothing (see worker/life.py)
    except OSError:
        os.close(fd)
        raise
    return fd


def let_go(fd: int) -> None:
    """Give a lock back, and take our name out of its file: elsewhere a name alone passes for life."""
    try:
        os.ftruncate(fd, 0)
    except OSError:
        pass  # then it is believed for as long as a machine that fell silent
    os.close(fd)


def _is_there(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def lock_waiting(folder: str, name: str) -> int:
    """Take a lock file, waiting while somebody else looks at it: its descriptor."""
    import fcntl

    fd = os.open(os.path.join(folder, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def is_held(folder: str, name: str) -> bool:
    """Whether somebody holds this lock. Never creates the file."""
    import fcntl

    path = os.path.join(folder, name)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except PermissionError:
        fd = os.open(
            path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        )  # another user's; only NFS wants more than this for a look
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def folders_elsewhere(run_id: str) -> list[str]:
    """Where the worker puts what the run's folder does not take, best first: on this machine, for this user alone."""
    places = dict.fromkeys([os.environ.get("TMPDIR") or "/tmp", "/tmp", "/var/tmp", "/dev/shm"])
    return [os.path.join(place, f"gitexp-{os.getuid()}", run_id) for place in places]


def make_elsewhere(folder: str) -> None:
    """Make one of these. Raises OSError, also where somebody else made the folder that it lies in."""
    parent = os.path.dirname(folder)
    for path in (parent, folder):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            pass
    if not _is_ours(parent):
        raise PermissionError(f"{parent} is somebody else's")


def _is_ours(parent: str) -> bool:
    """Whether nobody else can have put anything into a folder among those that everybody may write to."""
    found = os.lstat(parent)
    return found.st_mode & 0o170077 == 0o040000 and found.st_uid == os.getuid()


def is_gone(folder: str) -> bool:
    """Whether somebody removed it. A disk that does not answer says nothing about that."""
    try:
        os.stat(folder)
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False


def is_elsewhere(run_id: str, name: str) -> bool:
    """Whether the worker had to put this file elsewhere."""
    return any(os.path.isfile(os.path.join(folder, name)) for folder in folders_elsewhere(run_id))


def bring_back(folder: str) -> None:
    """Take into a run's folder what its worker had to put elsewhere; nothing, as a rule. Raises OSError."""
    if is_gone(folder):
        return
    for elsewhere in folders_elsewhere(os.path.basename(folder)):
        try:
            names = os.listdir(elsewhere) if _is_ours(os.path.dirname(elsewhere)) else []
        except OSError:
            continue
        for name in sorted(names, key=OUTCOME.__eq__):  # the outcome last: it says that all is there
            with open(os.path.join(elsewhere, name), "rb") as file:
                content = file.read()
            base, _, offset = name.partition(FROM)
            if offset.isdigit():
                _write_from(os.path.join(folder, base), int(offset), content)
            elif not name.endswith(".tmp"):
                write_whole(folder, name, content)
        _remove_tree(elsewhere)


def _write_from(path: str, offset: int, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
    try:
        os.ftruncate(fd, offset)
        while content:
            written = os.pwrite(fd, content, offset)
            offset, content = offset + written, content[written:]
    finally:
        os.close(fd)
