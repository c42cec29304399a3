"""What a rerun, or a mixture, is to run: of which runs it has code, recipe, data, seed and environment."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from gitexp.clone import Clone, read_config
from gitexp.errors import Refused
from gitexp.git.objectreader import ObjectReader
from gitexp.history.read import Run, read_run
from gitexp.record.datarecord import DatasetRecord
from gitexp.record.identity import Code
from gitexp.record.runrecord import Mixture, RunRecord
from gitexp.spec.recipe import Recipe
from gitexp.stages.resolve import resolve_recorded
from gitexp.text.bounded import LARGEST
from gitexp.text.schema import escaped

if TYPE_CHECKING:
    from gitexp.spec.config import Config


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
    taken: tuple[Run, ...] = ()  # of a mixture: other runs that something else was taken from

    @property
    def runs(self) -> tuple[Run, ...]:
        """All that something is of."""
        return (self.original, self.coded, self.environment, *(run for run, _ in self.data.values()), *self.taken)

    @property
    def recorded_code(self) -> Code:
        """What was recorded of the code, but for what happened to it while it ran."""
        return sound_record(self.coded).code._replace(edited=(), edited_count=None)


def spec_of(commit: str, *, reader: ObjectReader, clone: Clone) -> Spec:
    """What the run of this commit was. Raises Refused for one that cannot be done again."""
    run = read_run(reader, commit)
    record = sound_record(run)
    return Spec(
        original=run,
        code=run.code or "",
        commit=record.code.oid,
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
    return resolve_recorded(
        (reader.read(f"{run.commit}:recipe.toml") or b"").decode("utf-8", "replace"),
        name=record.recipe,
        path=record.recipe_path,
        where=f"{run.commit[:7]}:recipe.toml",
        config=code_config(run, reader=reader, clone=clone),
    )


def code_config(run: Run, *, reader: ObjectReader, clone: Clone) -> Config:
    """As the code of a run says, but for what is the user's to say.

    That are this clone's remotes, its branch, which further variables of the user's shell are recorded, and signing.
    """

    def read(name: str) -> str | None:
        if posixpath.normpath(name).startswith(("/", "..")):
            return None
        text = reader.read(f"{run.commit}:code/{posixpath.normpath(name)}", limit=LARGEST + 1)
        return None if text is None else text.decode("utf-8", "replace")

    config = read_config(clone.repo, read=read)
    own = clone.config
    policy = config.policy._replace(variables=own.policy.variables, sign=own.policy.sign)
    return config._replace(remotes=own.remotes, branch=own.branch, policy=policy)
