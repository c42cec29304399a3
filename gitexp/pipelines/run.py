"""From a recipe to a recorded run: resolve → check → snapshot → execute → check again → record."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp import runfolder
from gitexp.errors import GitexpError, Refused
from gitexp.git.branch import maintain
from gitexp.git.repo import Repo
from gitexp.git.worktree import Survey, Surveyed
from gitexp.model.config import Config
from gitexp.model.recipe import Recipe, program_argv
from gitexp.pipelines.data import Dataset, Watch, changed_data, data_paths, data_to_record, ready_data
from gitexp.stages.check import check_branch, check_hook, check_program, check_store
from gitexp.stages.configure import read_config
from gitexp.stages.execute import Screen, Terminal, execute
from gitexp.stages.resolve import resolve, resolve_command
from gitexp.stages.snapshot import Snapshot, check_snapshot, snapshot
from gitexp.stages.submit import Program, Streams, Submitted, keep_secrets, make_folder, submit

if TYPE_CHECKING:
    from gitexp.pipelines.settle import Settled
    from gitexp.stages.record import Ended, Recorded


class Request(NamedTuple):
    """What the user asked for: a recipe, or a command as it stands."""

    cwd: Path
    recipe: str | None
    command: tuple[str, ...]  # of `gitexp run -- CMD…`; empty for a recipe
    overrides: tuple[str, ...]
    seed: int | None
    timeout: str | None


class Checked(NamedTuple):
    """A run that may start."""

    surveyed: Surveyed
    config: Config
    recipe: Recipe
    datasets: Mapping[str, Dataset]
    argv: tuple[str, ...]
    cwd: Path
    said: tuple[str, ...]  # lines of a hook that let it pass, and warnings


class Done(NamedTuple):
    """A run that was executed and recorded."""

    repo: Repo
    recorded: Recorded
    recipe: Recipe
    previous: Mapping[str, float | int] | None  # metrics of the run before it of the same recipe
    edited: tuple[str, ...]  # paths that changed in the working tree meanwhile
    others: Settled  # left-over runs that were recorded on the way


def check(request: Request, *, survey: Survey, verify: bool, watch: Watch) -> Checked:
    """Everything that can be known before the program starts. Raises Refused, and nothing was written.

    `verify`: ask the hook gitexp-pre-run too. `watch`: who is shown how far long work on data is.
    """
    surveyed = survey.finish()
    config = read_config(surveyed.repo, surveyed.config)
    root = surveyed.repo.root
    if request.recipe is not None:
        cwd = root
        recipe = resolve(
            root=root,
            cwd=request.cwd,
            recipe=request.recipe,
            overrides=request.overrides,
            seed=request.seed,
            timeout=request.timeout,
            config=config,
        )
    else:
        cwd = request.cwd
        recipe = resolve_command(
            root=root,
            cwd=cwd,
            argv=request.command,
            overrides=request.overrides,
            seed=request.seed,
            timeout=request.timeout,
            config=config,
        )
    check_branch(surveyed, config)
    said = check_hook(surveyed, config, subject=recipe.name) if verify else ()
    check_snapshot(surveyed, config.policy)
    check_store(surveyed)
    datasets = ready_data(recipe.data, repo=surveyed.repo, config=config, settings=surveyed.config, watch=watch)
    argv = program_argv(recipe, data_paths=data_paths(datasets, root=root))
    check_program(argv, cwd=cwd)
    warned = tuple(warning for dataset in datasets.values() for warning in dataset.warnings)
    return Checked(surveyed, config, recipe, datasets, argv, cwd, (*said, *(f"warning: {words}" for words in warned)))


def run(
    checked: Checked,
    *,
    message: str | None,
    streams: Streams,
    terminal: Terminal,
    screen: Callable[[Submitted], Screen],
) -> Done:
    """Execute a checked run and record it, whatever becomes of it."""
    surveyed, repo = checked.surveyed, checked.surveyed.repo
    submitted, code = _prepare(checked, message, streams)
    stdin = 0 if streams.stdin == "inherit" else None
    with execute(str(submitted.folder), terminal=terminal, stdin=stdin) as running:
        # Loaded while the program runs: what recording takes costs as much to import as everything before.
        from gitexp.git.quarantine import EditWatch
        from gitexp.history.previous import PreviousRun
        from gitexp.pipelines.settle import settle, settle_all, stop_left_over

        previous = PreviousRun(repo, branch=checked.config.branch, recipe=checked.recipe.name)
        running.attend(screen(submitted))
    ended = _ended(submitted)
    try:
        previous.read()
        stop_left_over(ended)
        watch = EditWatch(repo, tree=code.tree, env=code.env)
        data = changed_data(checked.datasets)
        edited = watch.finish()
        after = {"data": list(data), "edited": list(edited)}
        runfolder.write_json(str(submitted.folder), runfolder.AFTER, after)
        ended = ended._replace(after=after)
        recorded = settle(repo, ended, settings=surveyed.config)
    except (GitexpError, OSError) as error:
        raise _not_recorded(submitted, error) from error
    os.close(submitted.lock)
    others = settle_all(repo, settings=surveyed.config)
    maintain(repo)
    return Done(repo, recorded, checked.recipe, previous.metrics(), edited, others)


def _prepare(checked: Checked, message: str | None, streams: Streams) -> tuple[Submitted, Snapshot]:
    """A run folder that is ready for its worker, or nothing at all. Raises Refused where there is no room for it."""
    try:
        submitted = make_folder(checked.surveyed.repo.common_dir)
        try:
            folder = submitted.folder
            code = snapshot(checked.surveyed, index=folder / runfolder.INDEX, objects=folder / runfolder.OBJECTS)
            _submit(submitted, checked, code, message, streams)
            keep_secrets(submitted)
        except BaseException:
            import shutil

            shutil.rmtree(submitted.folder, ignore_errors=True)  # nothing has run
            raise
    except OSError as error:
        raise Refused(
            f"There is no place for the record of {checked.recipe.name}: {error.strerror}",
            details=[f"  {error.filename2 or error.filename}"] if error.filename else [],
            fix="make room, or get leave to write there, then run the command again",
        ) from error
    return submitted, code


def _ended(submitted: Submitted) -> Ended:
    from gitexp.stages.record import read_ended

    try:
        ended = read_ended(submitted.folder)
    except OSError as error:
        raise _not_recorded(submitted, error) from error
    if ended is None:
        raise _never_started(submitted)
    return ended


def _never_started(submitted: Submitted) -> GitexpError:
    from gitexp.worker.watch import ERROR

    if not submitted.folder.exists():
        return GitexpError(f"The run cannot be recorded: somebody removed its folder {submitted.folder}")
    try:
        said = (submitted.folder / ERROR).read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
    except OSError:
        said = []  # killed, or there was no room for a word
    runfolder.remove(str(submitted.folder))
    return Refused(
        "The worker died before it could start the program; nothing ran",
        details=said,
        fix="df -h . ; then run the command again",
    )


def _not_recorded(submitted: Submitted, error: GitexpError | OSError) -> GitexpError:
    reason = error.strerror or error if isinstance(error, OSError) else error.what
    return GitexpError(
        f"The run has ended but could not be recorded: {reason}",
        details=error.details if isinstance(error, GitexpError) else (),
        why=f"Nothing is lost: it waits in {submitted.folder}, and the next gitexp command records it.",
        fix="make room, or get leave to write there, then:  gitexp status",
    )


def _submit(submitted: Submitted, checked: Checked, code: Snapshot, message: str | None, streams: Streams) -> None:
    submit(
        submitted,
        Program(checked.argv, checked.cwd, checked.recipe, message, streams),
        root=checked.surveyed.repo.root,
        config=checked.config,
        code=code.code,
        code_tree=code.tree,
        datasets={name: data_to_record(dataset) for name, dataset in checked.datasets.items()},
    )
