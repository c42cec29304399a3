"""A recorded run done once more: record → its code in a working tree of its own → its data there → a run to start.

What runs is what the record says, wherever the user's own working tree stands: code, recipe, data by digest, seed.
"""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gitexp import runfolder
from gitexp.attempt import Checked, Rerun
from gitexp.clone import Clone, read_config
from gitexp.errors import GitexpError, Refused
from gitexp.git.append import recorded_here
from gitexp.git.objectreader import ObjectReader
from gitexp.git.owntree import listing_of, make_tree
from gitexp.git.worktree import Head, Surveyed
from gitexp.history.read import Run, read_run
from gitexp.pipelines.get import get_into, what_run_has
from gitexp.pipelines.run import argv_of
from gitexp.pipelines.surroundings import Asked, require, surroundings
from gitexp.record.datarecord import DatasetRecord
from gitexp.record.digests import Digest
from gitexp.record.identity import Code, as_plain
from gitexp.record.runrecord import Mixture, RunRecord
from gitexp.spec.recipe import Recipe
from gitexp.stages.check import check_branch, check_program, check_store, look_at_branch
from gitexp.stages.resolve import resolve_recorded
from gitexp.stages.submit import Submitted, make_folder
from gitexp.text.bounded import LARGEST
from gitexp.text.schema import escaped

if TYPE_CHECKING:
    from gitexp.datasets.progress import Watch


class Spec(NamedTuple):
    """What is to run. A plain rerun has all of one run; a mixture has some of it of others."""

    original: Run  # what it is compared with, or is a mixture of
    code: str  # tree
    commit: str | None  # that HEAD is to be; None: it is not recorded
    recipe: Recipe
    data: Mapping[str, tuple[Run, DatasetRecord]]  # whose bytes, by the recipe's names
    seed: int | None
    environment: Run  # whose environment is aimed at
    coded: Run  # whose code it is
    mixture: Mixture | None = None


def spec_of(commit: str, *, reader: ObjectReader, clone: Clone) -> Spec:
    """What the run of this commit was. Raises Refused for one that cannot be done again."""
    run = read_run(reader, commit)
    record = sound_record(run)
    return Spec(
        original=run,
        code=run.code or "",
        commit=record.code.commit.digits if record.code.commit and record.code.commit.right else None,
        recipe=recorded_recipe(run, reader=reader, clone=clone),
        data={name: (run, one) for name, one in run.data.items()},
        seed=record.seed,
        environment=run,
        coded=run,
    )


def sound_record(run: Run) -> RunRecord:
    """The run.toml of a run that can be done again. Raises Refused."""
    record, problems = run.record, list(run.problems)
    if record is None or problems:
        raise Refused(f"The record of {run.commit[:7]} is damaged", details=[f"  {one}" for one in problems])
    if record.imported:
        raise Refused(
            f"Run {record.id} was imported from {escaped(record.imported.tool)}; it cannot be done again",
            why="Its program, data and environment are not in the record.",
        )
    if run.code is None:
        raise Refused(f"The record of run {record.id} holds no code", fix="gitexp pull")
    return record


def recorded_recipe(run: Run, *, reader: ObjectReader, clone: Clone) -> Recipe:
    """The recipe as it was recorded, with the datasets that the code's own catalogue names."""
    record = sound_record(run)
    recipe = resolve_recorded(
        (reader.read(f"{run.commit}:recipe.toml") or b"").decode("utf-8", "replace"),
        name=record.recipe,
        path=record.recipe_path,
        where=f"{run.commit[:7]}:recipe.toml",
        config=code_clone(run, reader=reader, clone=clone).config,
    )
    return recipe


def code_clone(run: Run, *, reader: ObjectReader, clone: Clone) -> Clone:
    """This clone, configured as the code of a run says; remotes of today's configuration, too, and its branch."""

    def read(name: str) -> str | None:
        if posixpath.normpath(name).startswith(("/", "..")):
            return None
        text = reader.read(f"{run.commit}:code/{posixpath.normpath(name)}", limit=LARGEST + 1)
        return None if text is None else text.decode("utf-8", "replace")

    config = read_config(clone.repo, read=read)
    remotes = {**config.remotes, **clone.config.remotes}
    return Clone(clone.repo, config._replace(remotes=remotes, branch=clone.config.branch))


@contextmanager
def readied(spec: Spec, *, reader: ObjectReader, clone: Clone, watch: Watch, anyway: bool = False) -> Iterator[Checked]:
    """The run, ready to start. Its folder, with the working tree, is gone at the end unless it has been submitted.

    `anyway`: also where this machine lacks what the record says that the run needs.
    """
    made = make_folder(clone.repo.common_dir)
    try:
        yield _checked(spec, made, reader=reader, clone=clone, watch=watch, anyway=anyway)
    finally:
        if not (made.folder / runfolder.SUBMIT).exists():
            runfolder.remove(str(made.folder))


def _checked(spec: Spec, made: Submitted, *, reader: ObjectReader, clone: Clone, watch: Watch, anyway: bool) -> Checked:
    record, recipe, home = sound_record(spec.original), spec.recipe, clone.repo
    clone = code_clone(spec.coded, reader=reader, clone=clone)
    index, folder = made.folder / runfolder.INDEX, made.folder / made.id
    tree = make_tree(clone.repo, folder, tree=spec.code, commit=spec.commit, index=index, lock=made.lock)
    placed = _place_data(spec, folder, reader=reader, clone=clone, watch=watch)
    there = Clone(tree.repo, clone.config)
    head = Head(tree.head, spec.code, _code(spec).subject or "", None)
    surveyed = Surveyed(tree.repo, head, changes=(), flagged=(), author="", listing=listing_of(tree))
    look = look_at_branch(surveyed, clone.config)
    said = check_branch(look, surveyed, clone.config)
    check_store(surveyed)
    pinned = {name: ref._replace(digest=_digest(spec, name) or ref.digest) for name, ref in recipe.data.items()}
    from gitexp.pipelines.rundata import ready_data

    datasets = ready_data(pinned, clone=there, watch=watch)
    around = surroundings(
        Asked(
            spec.environment,
            argv_of(recipe, datasets, root=folder),
            cwd=_cwd(record, folder),
            tree=tree.repo,
            code=spec.code,
            home=home,
            own=recorded_here(home, clone.config.branch, spec.original.commit),
            env=recipe.env,
            named=recipe.text,
            variables=clone.config.policy.variables,
        )
    )
    if not anyway:
        require(around.needs, spec.environment, command=f"gitexp rerun {record.id} --anyway")
    argv, cwd, said = around.argv, _cwd(record, folder), (*said, *around.lines)
    check_program(argv, cwd=cwd)
    rerun = Rerun(
        id=made.id,
        folder=made.folder,
        lock=made.lock,
        home=clone.repo,
        code=_code(spec),
        code_tree=spec.code,
        env=tree.env,
        placed=placed,
        reproduces={} if spec.mixture else {"id": record.id, "attempt": record.attempt, "commit": spec.original.commit},
        mixture=as_plain(spec.mixture) if spec.mixture else {},
        variables=around.env,
        strange_imports=around.strange,
    )
    smoke = record.kind == "smoke"
    return Checked(surveyed, clone.config, recipe, datasets, argv, cwd, said, smoke=smoke, rerun=rerun)


def _code(spec: Spec) -> Code:
    """What was recorded of the code, but for what happened to it while it ran."""
    return sound_record(spec.coded).code._replace(edited=(), edited_count=None)


def _digest(spec: Spec, name: str) -> Digest | None:
    return spec.data[name][1].digest if name in spec.data else None


def _cwd(record: RunRecord, root: Path) -> Path:
    """Where the program ran. The record may be anybody's."""
    cwd = Path(os.path.normpath(root / ("." if record.recipe_path else record.cwd)))
    if not cwd.is_dir() or not Path(os.path.realpath(cwd)).is_relative_to(os.path.realpath(root)):
        raise Refused(f"Run {record.id} ran in {escaped(record.cwd)}, and its code has no such folder")
    return cwd


# ---- data


def _place_data(spec: Spec, root: Path, *, reader: ObjectReader, clone: Clone, watch: Watch) -> tuple[str, ...]:
    """Put what the code does not have itself where it lay, below the working tree; these paths there.

    What a mixture takes from another run than its code stands there in the place of the code's own.
    """
    placed = []
    for name, (run, one) in spec.data.items():
        path = posixpath.normpath(one.path or "/").rstrip("/")
        own = spec.coded.data.get(name)
        there = os.path.lexists(root / path)
        if path.startswith(("/", "..")) or path in ("", ".") or (there and own and own.digest == one.digest):
            continue
        wanted = [one for one in what_run_has(reader, run, names=[name]) if (one.kind, one.name) == ("dataset", name)]
        entries = list(wanted[0].entries or ()) if wanted else []
        lone = len(entries) == 1 and entries[0].path == os.fsencode(posixpath.basename(path))
        target = (root / path).parent if lone else root / path
        if not Path(os.path.realpath(target)).is_relative_to(os.path.realpath(root)):
            raise GitexpError(f"Nothing is written to {escaped(path)}: a link in the code leads out of it")
        if there:
            _remove(root / path, root)
        get_into(clone, wanted, folder=target, watch=watch, apart=False)
        placed.append(path)
    return tuple(placed)


def _remove(path: Path, root: Path) -> None:
    """What the code has there, of a working tree that is ours."""
    if not Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(root)):
        raise GitexpError(f"Nothing is removed at {escaped(str(path))}: a link in the code leads out of it")
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
