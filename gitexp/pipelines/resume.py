"""Go on with a run that did not come to its end: record → the same inputs → checkpoints restored → the next attempt.

Code, recipe and data must be what they were; the training itself finds its newest checkpoint among what is restored.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gitexp import runfolder
from gitexp.attempt import Again, Checked
from gitexp.clone import FILE, Clone, configured
from gitexp.datasets.progress import Watch
from gitexp.errors import Refused
from gitexp.git.append import recorded_here
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo
from gitexp.git.worktree import Surveyed
from gitexp.history.inputs import other_data
from gitexp.history.read import Run, read_run
from gitexp.history.row import Row
from gitexp.history.select import SHORTEST, History, UnknownRun
from gitexp.pipelines.again import Allow, allowed, command_again
from gitexp.pipelines.get import HISTORY, Wanted, get, what_run_has
from gitexp.pipelines.prepare import in_progress, other_code
from gitexp.pipelines.run import check_resolved
from gitexp.record.identity import RunId
from gitexp.record.runrecord import RunRecord
from gitexp.stages.resolve import resolve_recorded
from gitexp.text.schema import escaped

CHECKPOINTS = "checkpoints/"
MOST_ATTEMPTS = 999_999  # more digits than RUN takes


def check_resume(
    history: History, reader: ObjectReader, text: str, *, surveyed: Surveyed, verify: bool, watch: Watch, allow: Allow
) -> Checked:
    """The next attempt of the run that `text` means, ready to start. Raises Refused, and nothing was written.

    `allow`: asked before anything of a run happens that this clone has not recorded itself.
    """
    repo, clone = surveyed.repo, configured(surveyed.repo)
    try:
        row = newest_attempt(history, text)
    except UnknownRun:
        _require_not_begun(repo, text)
        raise
    run = read_run(reader, row.commit)
    record = _sound_record(run, row)
    if record.imported:
        why = "Its program, data and environment are not in the record."
        raise Refused(f"Run {record.id} was imported from {escaped(record.imported.tool)}; it cannot go on", why=why)
    if record.kind == "rerun" or record.reproduces:
        again = record.reproduces or record.id
        raise Refused(f"Run {record.id} is a rerun, and is done as a whole", fix=f"gitexp rerun {escaped(again)}")
    recipe = resolve_recorded(
        (reader.read(f"{row.commit}:recipe.toml") or b"").decode("utf-8", "replace"),
        name=record.recipe,
        path=record.recipe_path,
        where=f"{row.commit[:7]}:recipe.toml",
        config=clone.config,
    )
    if record.status == "completed" or not recipe.made_of_components:
        raise _nothing_to_go_on(record, command_again(recipe, record, row.commit, clone=clone, watch=watch))
    if not recorded_here(repo, clone.config.branch, run.commit):
        # Before anybody is asked; a tree that differs from HEAD is looked at once its snapshot is taken.
        if surveyed.clean and surveyed.head.tree != run.code:
            raise other_code(record.id, tree=run.code or "", commit=_commit_of(record))
        recipe = allowed(recipe, run, record, clone=clone, allow=allow)
    checked = check_resolved(recipe, surveyed, clone.config, cwd=repo.root, verify=verify, watch=watch)
    changed = other_data(run, checked.described)
    if changed:
        raise Refused(
            f"The data here is not that of run {record.id}",
            details=[f"  {name}" for name in changed],
            why="Another attempt of the same run must do the same; with other data it is another run.",
            fix=f"gitexp get {record.id} {changed[0]} --to DIR    and put it in its place",
        )
    return going_on(checked, run, record, reader=reader, watch=watch)


def newest_attempt(history: History, text: str) -> Row:
    """The newest attempt of the run that is meant, whichever was named. Raises UnknownRun or AmbiguousRun."""
    row = history.select(text)
    highest = max((other.attempt for other in history.runs.with_id(row.id)), default=row.attempt)
    return row if row.attempt >= highest else history.select(row.id)


def going_on(checked: Checked, run: Run, record: RunRecord, *, reader: ObjectReader, watch: Watch) -> Checked:
    """A checked run as the next attempt of a recorded one. Raises Refused where that one is in progress."""
    clone = checked.clone
    if Path(runfolder.runs_folder(str(clone.repo.common_dir)), record.id).exists():
        raise in_progress(record.id)
    wanted = [one for one in what_run_has(reader, run) if one.kind in ("artifact", "history")]
    logged = reader.read(f"{run.commit}:history.csv") or b""

    def restore(folder: Path) -> None:
        _require_still_newest(clone, run.commit, record)
        _restore(clone, folder, wanted, logged, watch=watch)

    said = checked.said
    saved = (entry.path for one in wanted for entry in one.entries or ())
    if not any(path.startswith(CHECKPOINTS.encode()) for path in saved):
        said = (*said, f"{record.id} kept no checkpoint; it begins anew, as attempt {record.attempt + 1}")
    again = Again(record.id, record.attempt + 1, run.code or "", _commit_of(record), restore)
    return checked._replace(again=again, said=said, smoke=record.kind == "smoke")


def _sound_record(run: Run, row: Row) -> RunRecord:
    record, problems = run.record, list(run.problems)
    if record is not None and not (record.recipe.isprintable() and 1 <= record.attempt < MOST_ATTEMPTS):
        problems.append("run.toml breaks the record format: recipe, or attempt")
    if record is None or problems:
        raise Refused(f"The record of {row.commit[:7]} is damaged", details=[f"  {one}" for one in problems])
    return record


def _require_not_begun(repo: Repo, text: str) -> None:
    """A first attempt is in no branch while it trains."""
    try:
        ids = os.listdir(runfolder.runs_folder(str(repo.common_dir)))  # noqa: PTH208 -- names are all we want
    except FileNotFoundError:
        return
    for run_id in ids:
        if len(text) >= SHORTEST and run_id.startswith(text):
            raise in_progress(RunId(run_id))


def _nothing_to_go_on(record: RunRecord, again: str) -> Refused:
    if record.status == "completed":
        return Refused(
            f"Run {record.id} is completed; there is nothing to go on with", fix=f"to do it once more:  {again}"
        )
    return Refused(
        f"{escaped(record.recipe)} runs a program of its own, and gitexp cannot know how it would go on",
        why="Runs of recipes that are made of components have checkpoints that gitexp knows.",
        fix=f"start anew:  {again}",
    )


def _commit_of(record: RunRecord) -> str | None:
    """The commit that has its code, where one does, as it can be typed."""
    oid = record.code.oid if record.code.clean else None
    return oid[:10] if oid else None


def _require_still_newest(clone: Clone, commit: str, record: RunRecord) -> None:
    """Another command may have gone on with the run since we looked; from here on its folder is ours."""
    with ObjectReader(clone.repo) as reader:
        history = History(clone, reader=reader)
        if newest_attempt(history, commit).commit != commit:
            raise Refused(f"Run {record.id} has gone on meanwhile", fix=f"gitexp show {record.id}")


def _restore(
    clone: Clone,
    folder: Path,
    wanted: Sequence[Wanted],
    logged: bytes,
    *,
    watch: Watch,
) -> None:
    """What earlier attempts saved, and the rows that they logged."""
    main = clone.repo.common_dir.parent
    if not clone.config.remotes and (main / FILE).is_file():  # in a working tree of older code, which knows of none
        clone = configured(clone.repo._replace(root=main))
    artifacts = [one for one in wanted if one.kind == "artifact"]
    whole = [one for one in wanted if one.kind == "history"]
    if artifacts:
        get(clone, artifacts, folder=folder / runfolder.SAVED, watch=watch, apart=False)
    if whole:  # the record itself has a sample
        get(clone, whole, folder=folder, watch=watch, apart=False)
        (folder / HISTORY).rename(folder / runfolder.EARLIER)
    else:
        runfolder.write_whole(str(folder), runfolder.EARLIER, logged)
