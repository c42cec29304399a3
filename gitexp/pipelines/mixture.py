"""A run with something of another, or typed: the rerun that has all of one recorded run but that.

Code, the recipe or some of its keys, datasets, the environment, the seed. What it is a mixture of is in its run.toml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp.clone import Clone
from gitexp.errors import Refused, UsageError
from gitexp.git.objectreader import ObjectReader
from gitexp.history.factors import (
    CODE,
    DATA,
    ENVIRONMENT,
    RECIPE,
    SEED,
    Factor,
    factors,
    mixed_environment,
    mixed_recipe,
)
from gitexp.history.inputs import Inputs, seed_in
from gitexp.history.read import Run
from gitexp.pipelines.rerunspec import Spec, code_config, sound_record
from gitexp.record.arguments import with_seed
from gitexp.record.datarecord import DatasetRecord
from gitexp.record.runrecord import Mixture
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.recipe import dump_recipe
from gitexp.stages.resolve import resolve_recorded

if TYPE_CHECKING:
    from gitexp.spec.config import Config

Taken = Sequence[tuple[Factor, Run]]  # what, and which run it is taken from


def mixture(
    of: Run,
    taken: Taken,
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    whole_recipe: bool = False,
    reader: ObjectReader,
    clone: Clone,
) -> Spec:
    """`overrides`: KEY=VALUE, as typed. `whole_recipe`: all in which it differs is taken. Raises Refused."""
    record = sound_record(of)
    data = {factor.dataset: run for factor, run in taken if factor.kind == DATA}
    coded = next((run for factor, run in taken if factor.kind == CODE), of)
    values, wanted = _recipe(of, taken, seed)
    recipe = resolve_recorded(
        dump_recipe(values),
        name=record.recipe,
        path=record.recipe_path,
        where=f"the mixture of {record.id[:8]}",
        config=_config(coded, data, reader=reader, clone=clone),
        overrides=overrides,
    )
    keys = () if whole_recipe else tuple(factor.name for factor, _ in taken if factor.kind == RECIPE)
    return Spec(
        original=of,
        code=coded.code or "",
        commit=sound_record(coded).code.oid,
        recipe=recipe,
        data={name: _dataset(data.get(name, of), name) for name in recipe.data},
        seed=recipe.seed,
        environment=mixed_environment(of, taken),
        coded=coded,
        taken=tuple(run for _, run in taken),
        mixture=Mixture(
            of=record.id,
            code=_id(taken, CODE),
            recipe=_id(taken, RECIPE),
            keys=keys,
            data={name: sound_record(run).id for name, run in data.items()},
            environment=_id(taken, ENVIRONMENT),
            packages=tuple(factor.package for factor, _ in taken if factor.package),
            seed=wanted,
            set=tuple(overrides),
        ),
    )


def _recipe(of: Run, taken: Taken, seed: int | None) -> tuple[dict[str, Any], int | None]:
    """The values of the mixture's recipe, and the seed that is not `of`'s own."""
    values = dict(of.recipe or {})
    for other in dict.fromkeys(run for _, run in taken):
        theirs = [factor for factor, run in taken if run is other]
        values = mixed_recipe(values, dict(other.recipe or {}), theirs)
    seeds = [seed, *(seed_in(run) for factor, run in taken if factor.kind == SEED)]
    wanted = next((one for one in seeds if one is not None), None)
    return values if wanted is None else seeded(values, wanted), wanted


def _config(coded: Run, data: Mapping[str, Run], *, reader: ObjectReader, clone: Clone) -> Config:
    """That of the code, with the catalogue's entries of datasets that other runs read."""
    config = code_config(coded, reader=reader, clone=clone)
    for name, run in data.items():
        own = code_config(run, reader=reader, clone=clone).datasets
        config = config._replace(datasets={**config.datasets, **_named(own, run, name)})
    return config


class Swaps(NamedTuple):
    """What is asked for, each from another run, or typed."""

    code_of: Run | None = None
    recipe_of: Run | None = None
    data_of: Run | None = None
    env_of: Run | None = None
    overrides: Sequence[str] = ()
    seed: int | None = None


def swapped(of: Run, swaps: Swaps, *, reader: ObjectReader, clone: Clone) -> Spec:
    """All of a run but what is asked for. Raises Refused, also where that would be the same."""
    taken: list[tuple[Factor, Run]] = []
    asked = ((CODE, swaps.code_of), (RECIPE, swaps.recipe_of), (DATA, swaps.data_of), (ENVIRONMENT, swaps.env_of))
    for kind, run in asked:
        if run is None:
            continue
        found = [factor for factor in factors(Inputs(of, run)).factors if factor.kind == kind]
        if not found:
            what = {DATA: "data", ENVIRONMENT: "environment as far as it is recorded"}.get(kind, kind)
            a, b = (sound_record(one).id for one in (of, run))
            raise Refused(f"{a} and {b} have the same {what}: nothing would be swapped", fix=f"gitexp diff {a} {b}")
        taken += [(factor, run) for factor in found]
    spec = mixture(
        of,
        taken,
        overrides=swaps.overrides,
        seed=swaps.seed,
        whole_recipe=swaps.recipe_of is not None,
        reader=reader,
        clone=clone,
    )
    if swaps.seed is not None and spec.recipe.seed not in (None, swaps.seed):
        raise UsageError(f"--seed got {swaps.seed}, and -s seed got {spec.recipe.seed}; leave one out")
    if not taken and spec.recipe.values == of.recipe:
        typed = [*swaps.overrides, *([] if swaps.seed is None else [f"seed {swaps.seed}"])]
        own = sound_record(of).id
        raise Refused(f"{own} has {', '.join(typed)} as it is: nothing would be swapped", fix=f"gitexp rerun {own}")
    return spec


def seeded(values: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The recipe with this seed: its `seed`, unless it has none and its command a --seed of its own."""
    run = values.get("run")
    command = run.get("command") if isinstance(run, dict) else None
    if "seed" not in values and command and (argv := with_seed(command, seed)) != command:
        return {**values, "run": {**values["run"], "command": argv}}
    return {**values, "seed": seed}


def _dataset(run: Run, name: str) -> tuple[Run, DatasetRecord]:
    if name not in run.data:
        raise UsageError(f"Run {sound_record(run).id} read no dataset {name}", fix="gitexp rerun RUN --data-of OTHER")
    return run, run.data[name]


def _named(catalogue: Mapping[str, DatasetRef], run: Run, name: str) -> dict[str, DatasetRef]:
    """The entry of the catalogue that a run's recipe means by this dataset, if it means one."""
    entry = dict(run.recipe or {}).get("data", {}).get(name)
    meant = entry.get("name") if isinstance(entry, dict) else entry
    return {meant: catalogue[meant]} if isinstance(meant, str) and meant in catalogue else {}


def _id(taken: Taken, kind: str) -> Any:
    """The run that this was taken from."""
    return next((sound_record(run).id for factor, run in taken if factor.kind == kind), None)
