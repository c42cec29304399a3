"""Record what has ended: collect what the program left in its folder, then make the commit.

`settle` is for the run that this command started; `settle_all` is for the runs whose own command is gone (killed,
logged out, out of disk): every command that reads or shares the branch calls it first, `gitexp run` at its end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp import runfolder
from gitexp.attempt import Captured, Collected, Ended, Submission, read_ended
from gitexp.capture.whose import beside
from gitexp.clone import place_of, read_config
from gitexp.datasets.progress import Unwatched, Watch
from gitexp.errors import GitexpError
from gitexp.git.append import is_recorded
from gitexp.git.repo import BranchDamaged, BranchHeld, BranchUnusable, Repo, SigningFailed
from gitexp.git.standing import Look, branch_ref
from gitexp.record.metrics import metric_rules
from gitexp.regularfile import read_regular
from gitexp.stages.collect import collect
from gitexp.stages.items import add_items
from gitexp.stages.layout import lay_out_data, note_stored
from gitexp.stages.learn import learn
from gitexp.stages.record import Recorded, record
from gitexp.stages.save import save_artifacts
from gitexp.text import toml
from gitexp.worker.life import program_lives, recorder_life, worker_life
from gitexp.worker.spawn import group_lives, signal_group
from gitexp.worker.stopping import GRACE_S

if TYPE_CHECKING:
    from gitexp.record.verdict import Verdict

PATIENCE_S = 30.0  # how long to go on trying while others move or hold the branch
STARTING_S = 60.0  # a folder without a program that is younger than this may belong to a worker that is starting
SHORT_PATIENCE_S = 1.5  # with a branch that somebody holds, where the run may as well wait for the next command


def settle(
    repo: Repo,
    ended: Ended,
    *,
    watch: Watch = Unwatched,
    patience_s: float = PATIENCE_S,
    there: Sequence[str] | None = None,
) -> Recorded:
    """Collect and record one run. The caller holds its record.lock. Raises BranchHeld and what `record` raises.

    `there`: what git does not know where the program ran, if somebody has asked it.
    """
    submission, place, judge = ended.submission, place_of(repo), None
    collected = _collected(ended, there)
    digests = submission.manifests
    cache = place.cache if digests else None
    data = lay_out_data(repo, ended.folder, cache=cache, digests=digests)
    trained = learn(ended.folder)
    if submission.original:
        collected, judge = _judged(repo, submission, collected)
    kept = save_artifacts(ended.folder, place, watch, algorithms=submission.digests)
    recorded = record(repo, ended, collected, data=data, kept=kept, trained=trained, patience_s=patience_s, judge=judge)
    note_stored(repo, recorded.commit, data, cache=cache, digests=digests)
    runfolder.remove(str(ended.folder))
    return recorded


def _collected(ended: Ended, there: Sequence[str] | None) -> Collected:
    """What the program left: its metrics, rows by example and outputs, in its folder and where it ran."""
    submission, recipe = ended.submission, toml.loads(read_regular(ended.folder / runfolder.RECIPE).decode())
    cwd, metrics = Path(submission.root) / submission.cwd, recipe.get("metrics", {})
    finished = _finished(ended) if ended.after is None else None
    whose = beside(ended.folder, argv=submission.argv, root=submission.root, cwd=submission.cwd, finished=finished)
    seen = Captured()
    if submission.seen is not None:
        from gitexp.stages.capture import captured

        seen = captured(ended, recipe.get("capture", {}), metrics.get("files", ()), there, whose=whose)
    collected = collect(
        folder=str(ended.folder),
        cwd=cwd,
        rules=metric_rules(recipe, named=submission.metrics_named),
        history_limit=submission.history_limit,
        before=submission.metric_files,
        rewritten=(ended.outcome or {}).get("rewritten", ()),
        attempt=submission.attempt,
        completed=ended.status == "completed",
        captured=seen,
        parameters=submission.parameters,
    )
    collected = add_items(
        collected,
        folder=ended.folder,
        cwd=cwd,
        named=metrics.get("items"),
        before=submission.metric_files,
        limit=submission.history_limit,
        beside=whose,
    )
    outputs = recipe.get("run", {}).get("outputs", ())
    if outputs:
        from gitexp.stages.outputs import gather

        problems, notes = gather(ended, outputs, cwd=cwd, whose=whose)
        collected = collected._replace(problems=(*collected.problems, *problems), notes=(*collected.notes, *notes))
    return collected


def _judged(
    repo: Repo, submission: Submission, collected: Collected
) -> tuple[Collected, Callable[[str], Verdict] | None]:
    """How a rerun is judged; where it cannot be, that is among its problems."""
    from gitexp.stages.judge import verdict_on, why_no_verdict

    why = why_no_verdict(repo, submission.original)
    if why:
        return collected._replace(problems=(*collected.problems, why)), None
    store = place_of(repo).store
    return collected, partial(verdict_on, repo, submission=submission, store=store)


def _finished(ended: Ended) -> float | None:
    """When the program ended, by our clock or by that of whoever keeps the files, the later; None: nobody saw it."""
    if ended.outcome is None:
        return None
    noted = float(ended.outcome["finished"])
    with suppress(OSError):
        return max(noted, (ended.folder / runfolder.OUTCOME).stat().st_mtime)
    return noted


class Settled(NamedTuple):
    """What `settle_all` did, and what it could not do (sentences)."""

    recorded: list[Recorded]
    problems: list[str]


def settle_all(repo: Repo, *, gone: str | None = None) -> Settled:
    """Record every run here that has ended and that nobody is recording. Costs one listing where there is none.

    `gone` is a run whose silent machine somebody knows to be gone (see worker/life.py). A branch that cannot be moved
    is tried once, and not for long: whoever asked wants something else. Runs of other branches do not wait for it.
    """
    parent = Path(runfolder.runs_folder(str(repo.common_dir)))
    settled = Settled([], [])
    stuck: dict[str, _Stuck] = {}
    try:
        folders = sorted(parent.iterdir())
    except FileNotFoundError:
        return settled
    for path in folders:
        try:
            life = worker_life(str(path)) or recorder_life(str(path))
            if life is not None and not (path.name == gone and life.is_silent):
                continue
            if path.name.startswith("."):
                _remove_unnamed(path)
            else:
                settled.recorded.extend(_settle_unattended(repo, path, stuck))
        except runfolder.Torn as error:
            settled.problems.extend(_put_aside(repo, error))
        except (GitexpError, OSError, ValueError, KeyError) as error:
            # A folder that is damaged, or another user's, must not stand in the way of the command that found it.
            settled.problems.append(f"a run waits in {path} and could not be recorded: {error}")
    settled.problems.extend(one.words() for one in stuck.values())
    return settled


def _put_aside(repo: Repo, torn: runfolder.Torn) -> list[str]:
    """A run of which a power cut left too little is named once and kept where it is in nobody's way."""
    if is_recorded(repo, Path(torn.folder, runfolder.TRIED)):
        runfolder.remove(torn.folder)  # the power went before the folder did
        return []
    try:
        aside = runfolder.put_aside(torn.folder)
    except OSError as error:
        return [f"the run in {torn.folder} cannot be recorded: {torn.strerror}; nor moved aside: {error.strerror}"]
    return [
        f"the run {Path(torn.folder).name} cannot be recorded: {torn.strerror}. What is left of it lies in {aside};"
        " no command will look there again"
    ]


class _Stuck(NamedTuple):
    """A branch on which nothing can be recorded now, and the runs that wait for it."""

    error: GitexpError
    folders: list[Path]

    def words(self) -> str:
        count = len(self.folders)
        runs = f"a run waits in {self.folders[0]}" if count == 1 else f"{count} runs wait in {self.folders[0].parent}"
        fix = f" (fix: {self.error.fix})" if self.error.fix else ""
        return f"{runs} and could not be recorded: {self.error}{fix}"


def _settle_unattended(repo: Repo, folder: Path, stuck: dict[str, _Stuck]) -> list[Recorded]:
    try:
        lock = runfolder.lock(str(folder), runfolder.RECORD_LOCK)
    except FileNotFoundError:
        return []  # recorded by another command since we looked
    if lock is None:
        return []
    try:
        if runfolder.is_held(str(folder), runfolder.WORKER_LOCK):
            return []  # it has just started
        return _settle_left_over(repo, folder, stuck)
    finally:
        runfolder.let_go(lock)


def _settle_left_over(repo: Repo, folder: Path, stuck: dict[str, _Stuck]) -> list[Recorded]:
    ended = read_ended(folder)
    if ended is None:
        if (folder / runfolder.SUBMIT).exists():
            _remove_unstarted(folder)
        else:
            runfolder.remove(str(folder))  # whoever was making it held its lock, and is gone
        return []
    if runfolder.never_began(str(folder)):
        runfolder.remove(str(folder))  # its components had not been checked yet: there was no run
        return []
    branch = ended.submission.branch
    if branch in stuck:
        stuck[branch].folders.append(folder)
        return []
    # Who waited for it once need not wait again.
    patience_s = 0 if (folder / runfolder.TRIED).exists() else SHORT_PATIENCE_S
    try:
        return [_settle_here_or_there(repo, ended, patience_s=patience_s)]
    except (BranchHeld, BranchUnusable) as error:
        stuck[branch] = _Stuck(error, [folder])
        return []


def _settle_here_or_there(repo: Repo, ended: Ended, *, patience_s: float) -> Recorded:
    """Record a run on its branch; where there can be no such branch, on the one that is configured by now."""
    branch = ended.submission.branch
    try:
        Look(repo, branch_ref(branch)).tip()  # before all that it logged is read again
        return settle(repo, ended, patience_s=patience_s)
    except (BranchDamaged, SigningFailed):  # which another branch does not help
        raise
    except BranchUnusable:
        other = read_config(repo).branch
        if other == branch:
            raise
    ended = ended._replace(submission=ended.submission._replace(branch=other))
    return settle(repo, ended, patience_s=patience_s)


def _remove_unnamed(folder: Path) -> None:
    if folder.name.startswith(runfolder.OLD):
        runfolder.remove_old(str(folder))  # whoever was removing it was killed, or does it with us
    else:
        _remove_unstarted(folder)  # it has no name yet: being made, or its maker was killed


def _remove_unstarted(folder: Path) -> None:
    """Remove a folder whose program was never started, and by now will not be: there was no run."""
    try:
        age_s = time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return  # it has its name now, or another command was faster
    if age_s > STARTING_S:
        runfolder.remove(str(folder))


def stop_left_over(ended: Ended) -> None:
    """Ask a program whose worker was killed to stop, and see to it that it does: nobody watches over it any more."""
    if ended.outcome is not None or not program_lives(dict(ended.started), ended.submission.id):
        return
    import signal

    group, deadline = int(ended.started["pid"]), time.monotonic() + GRACE_S
    signal_group(group, signal.SIGTERM)
    signal_group(group, signal.SIGCONT)
    while group_lives(group):
        if time.monotonic() > deadline:
            signal_group(group, signal.SIGKILL)
        time.sleep(0.05)
