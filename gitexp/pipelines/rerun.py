"""A recorded run done once more: record → its code in a working tree of its own → its data there → a run to start.

What runs is what the record says, wherever the user's own working tree stands: code, recipe, data by digest, seed.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gitexp import runfolder
from gitexp.attempt import Checked, Rerun
from gitexp.clone import Clone
from gitexp.errors import GitexpError, Refused, beyond
from gitexp.git.append import recorded_here
from gitexp.git.objectreader import ObjectReader
from gitexp.git.owntree import finish_tree, listing_of, make_tree
from gitexp.git.repo import GitFailed, output
from gitexp.git.worktree import Head, Surveyed
from gitexp.pipelines.get import HISTORY, bring, what_run_has
from gitexp.pipelines.rebuilt import aimed, entered
from gitexp.pipelines.rerundata import look_for, put_in_place, require_all
from gitexp.pipelines.rerunplan import Plan, code_lines, data_lines, place_lines, program_lines, why_ask
from gitexp.pipelines.rerunspec import Spec, code_config, sound_record
from gitexp.pipelines.run import argv_of
from gitexp.pipelines.surroundings import Asked, lacks, matters, surroundings
from gitexp.record.identity import as_plain
from gitexp.record.runrecord import RunRecord
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.recipe import Recipe, flatten, program_argv
from gitexp.stages.check import check_branch, check_program, check_store, look_at_branch, seed_that_nothing_takes
from gitexp.stages.lead import Ground, lead
from gitexp.stages.submit import Submitted, make_folder
from gitexp.text.schema import escaped

if TYPE_CHECKING:
    from gitexp.datasets.progress import Watch


SHOWN = 20


class Ready:
    """A run in its working tree, planned: `plan` is to be read and, where it says so, allowed before it goes on."""

    def __init__(
        self, spec: Spec, made: Submitted, *, reader: ObjectReader, clone: Clone, anyway: bool, rebuild: bool
    ) -> None:
        record, recipe, root = sound_record(spec.original), spec.recipe, made.folder / made.id
        self._spec, self._made, self._home, self._record, self._reader = spec, made, clone, record, reader
        _require_plain_environment()
        wanted = [(ref, *spec.data[name]) for name, ref in recipe.data.items() if name in spec.data]
        own = recorded_here(clone.repo, clone.config.branch, *(run.commit for run in spec.runs))
        self._sources = look_for(wanted, reader=reader, clone=clone, own=own)
        index, config = made.folder / runfolder.INDEX, code_config(spec.coded, reader=reader, clone=clone)
        try:
            tree = make_tree(clone.repo, root, tree=spec.code, commit=spec.commit, index=index, lock=made.lock)
        except GitFailed as error:
            raise _incomplete(clone, spec, record) or error from error
        self._tree, self._there = tree, Clone(tree.repo, config)
        head = Head(tree.head, spec.code, spec.recorded_code.subject or "", None)
        self._surveyed = Surveyed(tree.repo, head, changes=(), flagged=(), author="", listing=listing_of(tree))
        look = look_at_branch(self._surveyed, config)
        self._said = check_branch(look, self._surveyed, config)
        check_store(self._surveyed)
        self._cwd = _cwd(record, root)
        self._ground = Ground(root, self._cwd, clone.repo.root if own else None)
        self._places = {one.name: str(root / one.laid(clone.place)) for one in self._sources}
        recipe, self._led = lead(recipe, spec.runs, self._places, ground=self._ground)
        self._asked = Asked(
            spec.environment,
            planned_argv(recipe, self._places, root),
            cwd=self._cwd,
            tree=tree.repo,
            code=spec.code,
            home=clone.repo,
            own=own,
            env=recipe.env,
            named=recipe.text,
            variables=config.policy.variables,
        )
        self._around = aimed(self._asked, beside=made.folder, lock=made.lock) if rebuild else surroundings(self._asked)
        if not self._around.is_to_be_made:
            check_program(self._around.argv, cwd=self._cwd)
        obstacles = [require_all(self._sources, clone)]
        if not anyway:
            obstacles.append(lacks(self._around.needs, spec.environment, command=f"gitexp rerun {record.id} --anyway"))
        self.plan = Plan(record, spec.original.author, self._lines(), self._why_ask(), (*filter(None, obstacles),))

    def _lines(self) -> tuple[str, ...]:
        spec, root = self._spec, self._tree.repo.root
        values = flatten(spec.recipe.values).values() if spec.recipe.made_of_components else ()
        named = [*self._around.argv[1:], *(one for one in values if isinstance(one, str))]
        mixed, unused = spec.mixture, seed_that_nothing_takes(spec.recipe, self._around.argv, cwd=self._cwd)
        return (
            *([f"  mixture   {escaped(str(mixed))}"] if mixed else []),
            *([f"            {unused}"] if unused and mixed and mixed.seed is not None else []),
            *program_lines(self._around.argv, self._cwd, root, spec.recipe),
            *place_lines(named, root, led=self._led, places=self._places, clone=self._home),
            *code_lines(spec.recorded_code, self._tree),
            *data_lines(self._sources),
            *self._around.lines,
        )

    def _why_ask(self) -> str | None:
        if self._asked.own:
            return None
        spec, home, sources = self._spec, self._home, self._sources
        why = why_ask(spec, there=self._there, home=home, sources=sources)
        return why or ("Its packages are whatever that record says." if self._around.is_to_be_made else None)

    @property
    def apart(self) -> tuple[str, ...]:
        """What is known to make this another place to compute in than the one aimed at; after `checked`, all of it."""
        return (*self._around.strange, *filter(matters, self._around.lines))

    def checked(self, *, watch: Watch) -> Checked:
        """The run, ready to start: what it reads is fetched, from where the plan says, and proven. Raises Refused."""
        spec, made, root, record = self._spec, self._made, self._tree.repo.root, self._record
        recipe, repo = spec.recipe, self._home.repo
        said = (*self._said, *finish_tree(self._tree, lock=made.lock))
        placed = put_in_place(self._sources, root, clone=self._home, watch=watch, strange=True)
        said += () if spec.mixture else self._history(watch)
        from gitexp.pipelines.rundata import ready_data

        absent = made.folder / "absent"  # of what is there in another version, or as a pointer, the name alone counts
        outside = {one.name: one.place for one in self._sources if one.here}
        outside |= {one.name: f"{absent / _base(recipe.data[one.name])}" for one in self._sources if one.elsewhere}
        refs = {n: _pinned(ref._replace(path=outside.get(n, ref.path)), spec) for n, ref in recipe.data.items()}
        datasets = ready_data(refs, clone=self._there, watch=watch)
        for name in outside:
            datasets[name] = datasets[name]._replace(record=datasets[name].record._replace(path=recipe.data[name].path))
        if self._around.is_to_be_made:
            before = self._around.lines
            self._around = entered(self._around, self._asked, beside=made.folder, lock=made.lock)
            said += tuple(line for line in self._around.lines if line not in before)
        lie = {name: str(one.path) for name, one in datasets.items() if name in self._places}
        recipe, _ = lead(recipe, spec.runs, lie, ground=self._ground)
        argv = (self._around.argv[0], *argv_of(recipe, datasets, root=root)[1:])
        rerun = Rerun(
            id=made.id,
            folder=made.folder,
            lock=made.lock,
            home=repo,
            code=spec.recorded_code,
            code_tree=spec.code,
            env=self._tree.env,
            placed=placed,
            original={"id": record.id, "attempt": record.attempt, "commit": spec.original.commit},
            mixture=as_plain(spec.mixture) if spec.mixture else {},
            variables=self._around.env,
            strange_imports=self._around.strange,
        )
        smoke, config = record.kind == "smoke", self._there.config
        return Checked(self._surveyed, config, recipe, datasets, argv, self._cwd, said, smoke=smoke, rerun=rerun)

    def _history(self, watch: Watch) -> tuple[str, ...]:
        """Bring all that the original logged, where its record has a sample; what to say where nobody has it."""
        run = self._spec.original
        found = [one for one in what_run_has(self._reader, run, names=[HISTORY]) if one.kind == "history"]
        try:
            bring(self._home, found, watch=watch, strange=False)
        except GitexpError:
            return ("note: what the original logged is only known by the sample in its record",)
        return ()


def _require_plain_environment() -> None:
    """With git's own variables set, as in a hook, each git in the working tree of the rerun would mean another."""
    names = [name for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR") if name in os.environ]
    if names:
        raise Refused(
            f"{names[0]} is set, and a rerun has a working tree of its own",
            why="Its program, and git there, would be sent to another repository.",
            fix=f"unset {' '.join(names)}    then run the command again",
        )


@contextmanager
def readied(
    spec: Spec, *, reader: ObjectReader, clone: Clone, anyway: bool = False, rebuild: bool = False
) -> Iterator[Ready]:
    """The run, planned. Its folder, with the working tree, is gone at the end unless it has been submitted.

    `anyway`: also where this machine lacks what the record says that the run needs. `rebuild`: with the recorded
    Python and packages, made again, in the place of the present ones.
    """
    made = make_folder(clone.repo.common_dir)
    try:
        yield Ready(spec, made, reader=reader, clone=clone, anyway=anyway, rebuild=rebuild)
    finally:
        if not (made.folder / runfolder.SUBMIT).exists():
            runfolder.remove(str(made.folder))


def _incomplete(clone: Clone, spec: Spec, record: RunRecord) -> Refused | None:
    """What to say where this clone lacks objects of the code; None: it lacks none."""
    listed = output(clone.repo, "rev-list", "--objects", "--no-object-names", "--missing=print", spec.code)
    missing = {line[1:].decode() for line in listed.split(b"\n") if line.startswith(b"?")}
    if not missing:
        return None
    names = output(clone.repo, "ls-tree", "-r", "-z", "--full-tree", spec.code).decode("utf-8", "replace").split("\0")
    paths = [entry.partition("\t")[2] for entry in names if entry.partition("\t")[0].rpartition(" ")[2] in missing]
    return Refused(
        f"This clone lacks some of the code of run {record.id}",
        details=[f"  {escaped(path)}" for path in paths[:SHOWN]] + beyond(len(paths), SHOWN),
        why=f"It was recorded by {escaped(spec.coded.author)}; whoever has the run whole can push it again.",
        fix="gitexp pull    # brings back what a remote has",
    )


def planned_argv(recipe: Recipe, places: Mapping[str, str], root: Path) -> tuple[str, ...]:
    """The command as it will be, with the data where it will be."""
    if recipe.made_of_components:
        return argv_of(recipe, {}, root=root)
    paths = {name: Path(place) for name, place in places.items()}
    here = {name: str(one.relative_to(root) if one.is_relative_to(root) else one) for name, one in paths.items()}
    return program_argv(recipe, data_paths={**{name: ref.path or "" for name, ref in recipe.data.items()}, **here})


def _pinned(ref: DatasetRef, spec: Spec) -> DatasetRef:
    digest = spec.data[ref.name][1].digest if ref.name in spec.data else None
    return ref._replace(digest=digest or ref.digest)


def _base(ref: DatasetRef) -> str:
    return posixpath.basename(ref.path or "").removesuffix(".dvc")


def _cwd(record: RunRecord, root: Path) -> Path:
    """Where the program ran. The record may be anybody's."""
    cwd = Path(os.path.normpath(root / ("." if record.recipe_path else record.cwd)))
    if not cwd.is_dir() or not Path(os.path.realpath(cwd)).is_relative_to(os.path.realpath(root)):
        raise Refused(f"Run {record.id} ran in {escaped(record.cwd)}, and its code has no such folder")
    return cwd
