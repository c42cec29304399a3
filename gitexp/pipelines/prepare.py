"""Make a checked run ready: its folder with the code, what earlier attempts left, and the orders for its worker."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp import runfolder
from gitexp.attempt import Checked, unrecorded
from gitexp.clone import FILE
from gitexp.errors import Refused
from gitexp.record.identity import RunId
from gitexp.record.written import Written
from gitexp.regularfile import read_regular
from gitexp.spec.catalogue import places_of
from gitexp.spec.recipe import Recipe
from gitexp.stages.snapshot import Snapshot, snapshot
from gitexp.stages.submit import Streams, Submitted, keep_secrets, make_folder, submit

if TYPE_CHECKING:
    from gitexp.stages.outputs import Untouchable

PARAMETERS = ("params.yaml", "params.yml", "params.toml", "params.json")
MOST_PARAMETERS = 1 << 17  # bytes; more than text/parameters.py takes, so that a part never passes for the whole


def prepare(checked: Checked, *, message: str | None, streams: Streams) -> tuple[Submitted, Snapshot]:
    """A run folder that is ready for its worker, or nothing at all. Raises Refused where there is no room for it."""
    again = checked.again
    try:
        submitted = _folder(checked)
        try:
            folder = submitted.folder
            code = _code(checked, folder)
            if again:
                if code.tree != again.code_tree:
                    raise other_code(again.id, tree=again.code_tree, commit=again.code_commit)
                again.restore(folder)
            notes, outputs = _old_outputs(checked, folder, submitted.id)
            seen = _seen(checked)
            env = _training(checked, folder) if checked.recipe.made_of_components else {}
            keep_secrets(submitted, checked, message)
            submitted = submit(
                submitted,
                checked,
                code=code.code,
                code_tree=code.tree,
                message=message,
                streams=streams,
                env=env,
                outputs=outputs,
                seen=seen,
                parameters=_parameters(checked),
                notes=notes,
            )
        except BaseException:
            runfolder.remove(str(submitted.folder))  # nothing has run
            raise
    except OSError as error:
        raise Refused(
            f"There is no place for the record of {checked.recipe.name}: {error.strerror}",
            details=[f"  {error.filename2 or error.filename}"] if error.filename else [],
            fix="make room, or get leave to write there, then run the command again",
        ) from error
    return submitted, code


def _folder(checked: Checked) -> Submitted:
    """A folder of its own for the run; one that goes on has its old name, which only one command can have at a time."""
    again, rerun = checked.again, checked.rerun
    if rerun:
        return Submitted(rerun.id, rerun.folder, rerun.lock)
    try:
        return make_folder(checked.surveyed.repo.common_dir, again.id if again else None)
    except OSError as error:
        if again and error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise in_progress(again.id) from error
        raise


def _code(checked: Checked, folder: Path) -> Snapshot:
    rerun = checked.rerun
    if rerun:
        return Snapshot(rerun.code, rerun.code_tree, rerun.env)
    return snapshot(checked.surveyed, index=folder / runfolder.INDEX, objects=folder / runfolder.OBJECTS)


def in_progress(run_id: RunId) -> Refused:
    """Two attempts of one run at a time would do the same, and both would be its next."""
    return Refused(f"Run {run_id} is in progress here", fix="gitexp status")


def other_code(run_id: RunId, *, tree: str, commit: str | None) -> Refused:
    """A run is one run only with one code. `commit`: the one that has it, where there is one."""
    fix = f"git worktree add ../resumed {commit}  &&  cd ../resumed  &&  gitexp resume {run_id}" if commit else ""
    return Refused(
        f"The code here is not that of run {run_id}",
        details=[f"  git diff {tree[:10]}    shows what differs"] if tree else [],
        why="Another attempt of the same run must do the same; with other code it is another run.",
        fix=fix,
    )


def _training(checked: Checked, folder: Path) -> Mapping[str, str]:
    from gitexp.stages.train import lay_out_training

    recipe, datasets = checked.recipe, checked.datasets
    return lay_out_training(folder, recipe, datasets, clone=checked.clone, mode="run", smoke=checked.smoke)


def _old_outputs(checked: Checked, folder: Path, run_id: RunId) -> tuple[tuple[str, ...], Mapping[str, Written]]:
    """What there is to say of outputs that were there before, once the recipe's way with them is done; and they."""
    recipe = checked.recipe
    if not recipe.outputs:
        return (), {}
    from gitexp.stages.outputs import make_way, note_present, put_there_before

    how, said = recipe.values["run"].get("old_outputs", "keep"), tuple[str, ...]()
    if checked.again:
        put_there_before(folder, recipe.outputs)
    elif how != "keep":
        repo, untouchable = checked.surveyed.repo, _untouchable(checked, folder.parent)
        said = make_way(recipe.outputs, how, cwd=checked.cwd, repo=repo, untouchable=untouchable, stamp=run_id)
    return said, note_present(recipe.outputs, cwd=checked.cwd)


def _untouchable(checked: Checked, runs: Path) -> Untouchable:
    from gitexp.stages.outputs import Untouchable

    root = checked.surveyed.repo.root
    used = {os.path.relpath(dataset.path, root): f"dataset {name}" for name, dataset in checked.datasets.items()}
    known = {ref.path: f"dataset {ref.name}" for ref in checked.config.datasets.values() if ref.path}
    own = {path: "gitexp's own" for path in (FILE, checked.recipe.path) if path}
    places = {os.path.normpath(place): what for place, what in {**own, **known, **used}.items()}
    return Untouchable(frozenset(checked.surveyed.tracked), places, unrecorded(runs, root=str(root)))


def captures(recipe: Recipe) -> bool:
    """Whether files that the program writes by itself are looked for."""
    return recipe.capture.get("files", not recipe.made_of_components)


def _seen(checked: Checked) -> Mapping[str, Written] | None:
    """The files here that might be a program's own metrics, as they are before it starts. None: nobody will look."""
    recipe, surveyed = checked.recipe, checked.surveyed
    if not captures(recipe):
        return None
    from gitexp.capture.before import below, note_candidates, tracked_candidates
    from gitexp.capture.kinds import may_be_a_kind
    from gitexp.git.untracked import entries_within, files_in

    cwd, root = checked.cwd, surveyed.repo.root
    entries = entries_within([*surveyed.untracked, *surveyed.ignored], root, cwd)
    used = (str(dataset.path) for dataset in checked.datasets.values())
    data = below(cwd, (*used, *places_of(checked.config.datasets.values(), root=root)))
    names = files_in(cwd, entries, wanted=may_be_a_kind, without=data)
    names += entries_within(tracked_candidates(surveyed.listing), root, cwd)
    return note_candidates(dict.fromkeys(names), cwd=cwd)


def _parameters(checked: Checked) -> Mapping[str, str]:
    """The parameter files of programs that know nothing of recipes, as they are before the program starts."""
    recipe, found = checked.recipe, {}
    if recipe.capture.get("settings", not recipe.made_of_components):
        for name in PARAMETERS:
            with suppress(OSError, UnicodeDecodeError):
                found[name] = read_regular(checked.cwd / name, most=MOST_PARAMETERS).decode()
    return found
