"""From a recipe to a recorded run: resolve → check → snapshot → execute → check again → record."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp import runfolder
from gitexp.attempt import Checked, Ended, read_ended
from gitexp.clone import Clone, read_config
from gitexp.errors import GitexpError, Refused
from gitexp.executors import local
from gitexp.git.branch import maintain
from gitexp.git.repo import Repo
from gitexp.git.worktree import Survey, Surveyed
from gitexp.pipelines.prepare import captures, prepare
from gitexp.regularfile import read_regular
from gitexp.spec.config import Config
from gitexp.spec.recipe import Recipe, program_argv
from gitexp.stages.check import (
    check_branch,
    check_components,
    check_hook,
    check_program,
    check_store,
    look_at_branch,
    seed_that_nothing_takes,
    tables_that_may_be_meant,
)
from gitexp.stages.execute import Screen, Terminal, execute
from gitexp.stages.resolve import Request, resolve
from gitexp.stages.snapshot import check_snapshot
from gitexp.stages.submit import Streams, Submitted
from gitexp.text.schema import escaped

if TYPE_CHECKING:
    from gitexp.datasets.progress import Watch
    from gitexp.datasets.ready import Dataset
    from gitexp.git.quarantine import EditWatch
    from gitexp.pipelines.settle import Settled
    from gitexp.stages.record import Recorded
    from gitexp.stages.snapshot import Snapshot


class Done(NamedTuple):
    """A run that was executed and recorded."""

    repo: Repo
    recorded: Recorded
    recipe: Recipe
    previous: Mapping[str, float | int] | None  # metrics of the run before it of the same recipe
    edited: tuple[str, ...]  # paths that changed in the working tree meanwhile
    changed: tuple[str, ...]  # of those, what was there before, or is allowed to lie there
    left: tuple[str, ...]  # the others: what git neither has nor ignores, a folder of such for all that is in it
    others: Settled  # left-over runs that were recorded on the way
    earlier: int  # runs of the same recipe before it, of the last ten
    other_held_out: tuple[str, ...] = ()  # splits whose rows the run before had others of: then it has no `previous`
    rerun: bool = False  # then there is no run before it


def check(request: Request, *, survey: Survey, verify: bool, watch: Watch) -> Checked:
    """Everything that can be known before the program starts. Raises Refused, and nothing was written.

    `verify`: ask the hook gitexp-pre-run too. `watch`: who is shown how far long work on data is.
    """
    surveyed = survey.finish()
    config = read_config(surveyed.repo)
    root = surveyed.repo.root
    recipe = resolve(request, root=root, config=config)
    cwd = request.cwd if request.recipe is None else root
    if request.smoke and not recipe.made_of_components:
        raise Refused(
            f"{escaped(recipe.name)} runs a program of its own, and only the program could know how to try itself out",
            why="--smoke is for recipes that are made of components.",
            fix="override what makes it long:  gitexp run RECIPE -s KEY=VALUE",
        )
    checked = check_resolved(recipe, surveyed, config, cwd=cwd, verify=verify, watch=watch)
    return checked._replace(smoke=request.smoke)


def check_resolved(
    recipe: Recipe, surveyed: Surveyed, config: Config, *, cwd: Path, verify: bool, watch: Watch
) -> Checked:
    """What can be known of a recipe's run before it starts: the tree, the data, the program. Raises Refused."""
    root = surveyed.repo.root
    if recipe.outputs:
        from gitexp.stages.outputs import leave_out

        surveyed = leave_out(surveyed, recipe.outputs, cwd=cwd)
    look = look_at_branch(surveyed, config)  # git answers while the hook runs
    _check_code(surveyed, config, subject=recipe.name)  # first: the hook's advice for a dirty tree is to commit it
    said = check_hook(surveyed, config, subject=recipe.name) if verify else ()
    said = (*said, *check_branch(look, surveyed, config))
    check_snapshot(surveyed, config.policy)
    check_store(surveyed)
    if recipe.made_of_components:
        check_components(surveyed, recipe)
    datasets: Mapping[str, Dataset] = {}
    if recipe.data:  # else nothing that data takes is loaded
        from gitexp.pipelines.rundata import ready_data

        datasets = ready_data(recipe.data, clone=Clone(surveyed.repo, config), watch=watch)
    argv = argv_of(recipe, datasets, root=root)
    check_program(argv, cwd=cwd, recipe=recipe)
    warned = [warning for dataset in datasets.values() for warning in dataset.warnings]
    unused = seed_that_nothing_takes(recipe, argv, cwd=cwd)
    warned += [*([unused] if unused else []), *tables_that_may_be_meant(recipe)]
    said = (*said, *(f"warning: {words}" for words in warned))
    return Checked(surveyed, config, recipe, datasets, argv, cwd, said)


def _check_code(surveyed: Surveyed, config: Config, *, subject: str) -> None:
    """Whether the tree may be recorded. Most are clean, and of labs that have no restricted data."""
    if any(ref.access == "restricted" for ref in config.datasets.values()):
        from gitexp.stages.withhold import check_restricted

        check_restricted(surveyed, config, subject=subject)
    if surveyed.changes:
        from gitexp.stages.withhold import check_secrets

        check_secrets(surveyed, subject=subject)


def argv_of(recipe: Recipe, datasets: Mapping[str, Dataset], *, root: Path) -> tuple[str, ...]:
    """What is executed in a working tree whose root this is."""
    if recipe.made_of_components:
        from gitexp.stages.train import training_argv

        return training_argv(recipe)
    return program_argv(recipe, data_paths={name: one.path_from(root) for name, one in datasets.items()})


def run(
    checked: Checked,
    *,
    message: str | None,
    streams: Streams,
    terminal: Terminal,
    screen: Callable[[Submitted], Screen],
    watch: Watch,
) -> Done:
    """Execute a checked run and record it, whatever becomes of it."""
    repo, config, recipe = checked.surveyed.repo, checked.config, checked.recipe
    home = checked.rerun.home if checked.rerun else repo  # a rerun's working tree goes once it is recorded
    submitted, code = prepare(checked, message=message, streams=streams)
    stdin = 0 if streams.stdin == "inherit" else None
    with execute(str(submitted.folder), start=local.start, terminal=terminal, stdin=stdin) as running:
        # Loaded while the program runs: what recording takes costs as much to import as everything before.
        import gitexp.git.quarantine
        import gitexp.git.untracked
        from gitexp.history.previous import PreviousRun
        from gitexp.pipelines.settle import settle, settle_all, stop_left_over

        if captures(recipe):
            import gitexp.stages.capture  # noqa: F401
        previous = None
        if not checked.rerun:
            name, smoke = recipe.name, checked.smoke
            previous = PreviousRun(repo, branch=config.branch, recipe=name, run_id=submitted.id, smoke=smoke)
        running.attend(screen(submitted))
    ended = _ended(submitted, running.outcome)
    if recipe.made_of_components:
        _require_begun(checked, submitted, ended)
    try:
        if previous:
            previous.read()
        stop_left_over(ended)
        meanwhile = _meanwhile(checked, code)
        runfolder.write_json(str(submitted.folder), runfolder.AFTER, meanwhile.after)
        recorded = settle(home, ended._replace(after=meanwhile.after), watch=watch, there=meanwhile.there)
    except (GitexpError, OSError) as error:
        raise _not_recorded(submitted, error) from error
    os.close(submitted.lock)
    others = settle_all(home)
    maintain(home)
    done = Done(home, recorded, recipe, None, *meanwhile.paths, others, earlier=0, rerun=previous is None)
    if previous is None:
        return done
    before = previous.metrics(recorded.record.splits, checked.described)
    return done._replace(previous=before, earlier=previous.count, other_held_out=previous.other_held_out)


class _Meanwhile(NamedTuple):
    """What happened to the working tree and the data while the program ran."""

    paths: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]  # edited, changed, left, as Done has them
    after: dict[str, Any]  # what recording is to know of it
    there: Sequence[str]  # what git does not know where the program ran


def _meanwhile(checked: Checked, code: Snapshot) -> _Meanwhile:
    from gitexp.git.quarantine import EditWatch
    from gitexp.git.untracked import collapsed, entries_within

    surveyed, repo = checked.surveyed, checked.surveyed.repo
    looking = EditWatch(repo, tree=code.tree, env=code.env, ignored=surveyed.ignored)
    data = [said for one in checked.datasets.values() if (said := one.changed())]
    edited = _edited(checked, looking)
    new = frozenset(looking.new) if checked.config.policy.dirty == "refuse" else frozenset[str]()
    changed = tuple(path for path in edited if path not in new)
    left = tuple(collapsed((path for path in edited if path in new), surveyed.listing))
    unseen = [f"nobody could see whether files changed while it ran: {looking.unseen}"] if looking.unseen else []
    after = {"data": [*data, *unseen], "edited": None if unseen else list(edited)}
    return _Meanwhile((edited, changed, left), after, entries_within(looking.untracked, repo.root, checked.cwd))


def _edited(checked: Checked, looking: EditWatch) -> tuple[str, ...]:
    """What changed in the working tree while the program ran, but for outputs, its own and ours."""
    surveyed, outputs = checked.surveyed, checked.recipe.outputs
    edited = tuple(path for path in looking.finish() if path not in surveyed.own_output)
    if checked.rerun:
        from gitexp.capture.whose import holds

        edited = tuple(path for path in edited if not any(holds(one, path) for one in checked.rerun.placed))
    if not outputs:
        return edited
    from gitexp.stages.outputs import is_output

    own = is_output(outputs, root=surveyed.repo.root, cwd=checked.cwd)
    return tuple(path for path in edited if not own(path))


def _ended(submitted: Submitted, outcome: bytes | None) -> Ended:
    """`outcome`: as the worker said it, where no disk took it."""
    try:
        ended = read_ended(submitted.folder, submitted.content)
        if ended is not None and ended.outcome is None and outcome is not None:
            runfolder.write_whole(str(submitted.folder), runfolder.OUTCOME, outcome)
            ended = read_ended(submitted.folder, submitted.content)
    except OSError as error:
        raise _not_recorded(submitted, error) from error
    if ended is None:
        raise _never_started(submitted)
    return ended


def _require_begun(checked: Checked, submitted: Submitted, ended: Ended) -> None:
    """A recipe's components may turn out not to fit; then there was no run, and this says why."""
    from gitexp.pipelines.settle import stop_left_over

    stop_left_over(ended)  # as long as it runs it may still begin
    if not runfolder.never_began(str(submitted.folder)):
        return
    from gitexp.stages.train import why_not_begun
    from gitexp.worker.output import read_output

    printed = read_output(str(submitted.folder))  # the user has seen it
    error = why_not_begun(submitted.folder, checked.recipe, outcome=ended.outcome, printed=printed, argv=checked.argv)
    runfolder.remove(str(submitted.folder))
    os.close(submitted.lock)
    raise error


def _never_started(submitted: Submitted) -> GitexpError:
    from gitexp.worker.watch import ERROR

    if not submitted.folder.exists():
        return GitexpError(f"The run cannot be recorded: somebody removed its folder {submitted.folder}")
    try:
        said = read_regular(submitted.folder / ERROR).decode("utf-8", "replace").splitlines()[-1:]
    except OSError:
        said = []  # killed, or there was no room for a word
    runfolder.remove(str(submitted.folder))
    return Refused(
        "The worker died before it could start the program; nothing ran",
        details=said,
        fix="df -h . ; then run the command again",
    )


def _not_recorded(submitted: Submitted, error: GitexpError | OSError) -> GitexpError:
    if isinstance(error, OSError):
        reason, details, fix = error.strerror or str(error), [], "make room, or get leave to write there"
    else:
        reason, details, fix = error.what, [*error.details, *filter(None, [error.why])], error.fix
    return GitexpError(
        f"The run has ended but could not be recorded: {reason}",
        details=details,
        why=f"Nothing is lost: it waits in {submitted.folder}, and the next gitexp command records it.",
        fix="\n".join(filter(None, [fix, "gitexp status"])),
    )
