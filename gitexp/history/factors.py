"""The factors in which two runs differ: what can be swapped between them, one at a time.

Code, each key of the recipe or each argument, each dataset, the environment, the seed. What makes sense only together
is one factor: a table whose component is another, gitexp's own tables, a dataset with its keys, words of no option.
What differs, and cannot be swapped, is said.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gitexp.clone import FILE
from gitexp.errors import GitexpError, and_more
from gitexp.history.inputs import COMMAND, Inputs, KeyChange, kind_of, seed_in
from gitexp.history.read import Run
from gitexp.record.arguments import ORDER, PROGRAM, SCRIPT, ArgumentChange, is_seed, swapped
from gitexp.text.schema import KeyPath, dotted, escaped, leaves, split_key

CODE, RECIPE, DATA, ENVIRONMENT, SEED = "code", "recipe", "data", "environment", "seed"
WHOLE_TABLES = ("metrics", "capture")  # gitexp's own, told to no program; by them its numbers are taken
IDLE = ("space.", "metrics.tolerance", "metrics.not_compared")  # beginnings of keys by which nothing is computed
REBUILT = ("interpreter", "packages", "launcher", "flags")  # of an environment: what --env makes anew
OTHER = "(other)"  # of an environment that is taken apart by its packages: interpreter and variables
LOOSE = ("", PROGRAM, SCRIPT, ORDER, "-m", "-c")  # what of a command line is no option


class Factor(NamedTuple):
    """`keys`: of the recipe, by path; `options`: of the command; `a`, `b`: the one value, where it is one."""

    kind: str
    name: str
    keys: tuple[KeyPath, ...] = ()
    options: tuple[str, ...] = ()
    a: Any = None
    b: Any = None
    dataset: str = ""
    package: str = ""  # of the environment, or OTHER; "" of a whole one


class Differing(NamedTuple):
    """What can be swapped, and sentences on what cannot."""

    factors: tuple[Factor, ...]
    untold: tuple[str, ...]


def factors(inputs: Inputs, *, changed: Sequence[str] | None = None, by_package: bool = False) -> Differing:
    """Those of two runs. Raises GitexpError where what went in is not recorded.

    `changed`: the files in which the code differs; None: nobody looked. Recipe files and data that lie in the code are
    told of by the recipe and the datasets, and are no factor once more. `by_package`: each package is one.
    """
    a, b = inputs.a, inputs.b
    for side, run in (("A", a), ("B", b)):
        _require_known(side, run)
    changes = [one for one in inputs.recipe if not (is_seed(one.key) or one.key.startswith(IDLE))]
    datasets = [name for name, state in inputs.data.items() if state != "identical"]
    found: list[Factor] = []
    untold: list[str] = []
    if not inputs.same_code and changed is not None and all(_is_told(path, a, b) for path in changed):
        untold.append(f"the code differs in nothing but {', '.join(map(escaped, changed))}, and is no factor beside it")
    elif not inputs.same_code:
        found.append(Factor(CODE, CODE, a=(a.code or "")[:10], b=(b.code or "")[:10]))
    with_data, others = _of_datasets(changes, datasets)
    naming = {name: tuple(_naming(name, inputs)) for name in datasets}
    found += _of_recipe(others)
    found += _of_command(inputs, others, told={option for options in naming.values() for option in options})
    for name in datasets:
        digests = [run.data[name].digest if name in run.data else None for run in (a, b)]
        keys = with_data.get(name, ())
        found.append(Factor(DATA, dotted(("data", name)), keys, naming[name], digests[0], digests[1], dataset=name))
    idle = [change.key for change in inputs.recipe if change.key.startswith(IDLE)]
    if idle:
        untold.append(
            f"nothing is computed by {', '.join(map(escaped, idle[:3]))}{and_more(len(idle), 3)}, which differ"
        )
    if inputs.environment is None:
        untold.append("whether the environments are the same is not recorded")
    elif any(group in REBUILT for group in inputs.environment):
        found += _of_environment(inputs.environment) if by_package else [Factor(ENVIRONMENT, ENVIRONMENT)]
    for group in inputs.environment or {}:
        if group not in REBUILT:
            untold.append(f"the {group} differs, and cannot be swapped: gitexp diff says in what")
    seeds = [seed_in(run) for run in (a, b)]
    of_seed = tuple(split_key(change.key) or (change.key,) for change in inputs.recipe if is_seed(change.key))
    options = tuple(one.name for one in inputs.arguments if is_seed(one.name))
    if of_seed or options or seeds[0] != seeds[1]:
        found.append(Factor(SEED, SEED, of_seed, options, seeds[0], seeds[1]))
    if a.record and b.record and a.record.cwd != b.record.cwd:
        untold.append(f"they ran in different folders: {escaped(a.record.cwd)} and {escaped(b.record.cwd)}")
    return Differing(tuple(found), tuple(untold))


def _is_told(path: str, *runs: Run) -> bool:
    """Whether the file is gitexp.toml, the recipe file, or of a dataset."""
    records = [run.record for run in runs if run.record]
    lies = [posixpath.normpath(one.path) for run in runs for one in run.data.values() if one.path]
    return path in (FILE, *(record.recipe_path for record in records)) or any(
        path == one or path.startswith(f"{one}/") for one in lies
    )


def _require_known(side: str, run: Run) -> None:
    record = run.record
    side = f"Run {record.id}" if record else side
    if record and record.imported:
        tool = escaped(record.imported.tool)
        raise GitexpError(f"{side} was imported from {tool}, which does not say what went into it")
    if record is None or run.code is None or run.recipe is None:
        raise GitexpError(f"What went into {side} is not recorded", details=[f"  {one}" for one in run.problems])
    if kind_of(run) == "smoke":
        raise GitexpError(f"{side} is a smoke run: its metrics are of a few rows")


def _of_datasets(
    changes: list[KeyChange], datasets: Collection[str]
) -> tuple[dict[str, tuple[KeyPath, ...]], list[KeyChange]]:
    """The keys that go with a dataset that differs, and the other ones."""
    found: dict[str, tuple[KeyPath, ...]] = {}
    others = []
    for change in changes:
        path = split_key(change.key) or (change.key,)
        if path[0] == "data" and len(path) > 1 and path[1] in datasets:
            found[path[1]] = (*found.get(path[1], ()), path)
        else:
            others.append(change)
    return found, others


def _of_recipe(changes: list[KeyChange]) -> Iterator[Factor]:
    paths = {split_key(change.key) or (change.key,): change for change in changes if change.key != COMMAND}
    tables = {path[:-1] for path in paths if len(path) > 1 and path[-1] in ("use", "steps")}
    tables |= {path[:1] for path in paths if path[0] in WHOLE_TABLES}
    for path, change in paths.items():
        table = next((path[:end] for end in range(1, len(path)) if path[:end] in tables), None)
        if table is None:
            yield Factor(RECIPE, change.key, (path,), a=change.a, b=change.b)
            continue
        together = tuple(other for other in paths if other[: len(table)] == table)
        if path == together[0]:
            use = paths.get((*table, "use"))
            yield Factor(RECIPE, f"[{dotted(table)}]", together, a=use and use.a, b=use and use.b)


def _naming(name: str, inputs: Inputs) -> Iterator[str]:
    """The options that say where a dataset lies, or the same part of it, and differ because it lies elsewhere."""
    for change in inputs.arguments:
        parts = [_part(value, run, name) for value, run in ((change.a, inputs.a), (change.b, inputs.b))]
        if change.name not in LOOSE and parts[0] == parts[1] is not None:
            yield change.name


def _part(value: str | None, run: Run, name: str) -> str | None:
    """Which part of a dataset a path of the command is; None: none."""
    record, data = run.record, run.data.get(name)
    if record is None or data is None or not data.path or not value:
        return None
    root = posixpath.join("/", record.root or "")
    place, path = (posixpath.normpath(posixpath.join(root, *one)) for one in ((data.path,), (record.cwd, value)))
    return path[len(place) :] if f"{path}/".startswith(f"{place}/") else None


def _of_command(inputs: Inputs, changes: list[KeyChange], *, told: Collection[str]) -> Iterator[Factor]:
    """The arguments, one by one where they can be told apart, else the command. `told`: options told of elsewhere."""
    change = next((one for one in changes if one.key == COMMAND), None)
    if change is None:
        return
    own = [one for one in inputs.arguments if not is_seed(one.name) and one.name not in told]
    loose = any(one.name in LOOSE for one in own)
    apart = [one for one in own if one.name not in LOOSE and not (loose and _may_take_a_word(one))]
    names = {one.name for one in apart}
    pairs = ((change.a, change.b), (change.b, change.a))
    if not inputs.arguments or any(swapped(*pair, {name}) is None for name in names for pair in pairs):
        if own or not inputs.arguments:
            yield Factor(RECIPE, COMMAND, (("run", "command"),), a=change.a, b=change.b)
        return
    for one in apart:
        yield Factor(RECIPE, one.name, options=(one.name,), a=one.a, b=one.b)
    rest = tuple(one.name for one in own if one.name not in names)
    if rest:
        yield Factor(RECIPE, COMMAND, options=rest, a=change.a, b=change.b)


def _of_environment(differences: Mapping[str, Any]) -> Iterator[Factor]:
    """gitexp itself is the one that runs, and no package that could be swapped."""
    packages = {name: pair for name, pair in differences.get("packages", {}).items() if name != "gitexp"}
    if "(all)" in packages:
        yield Factor(ENVIRONMENT, ENVIRONMENT)
        return
    for name, (a, b) in packages.items():
        yield Factor(ENVIRONMENT, f"package {name}", a=a, b=b, package=name)
    if any(group in REBUILT and group not in ("packages", "launcher") for group in differences):
        yield Factor(ENVIRONMENT, "interpreter and variables", package=OTHER)


def _may_take_a_word(change: ArgumentChange) -> bool:
    """Whether what seems to be its value may be one of the words that differ."""
    return change.of_flags or change.a is None or change.b is None


def mixed_recipe(a: Mapping[str, Any], b: Mapping[str, Any], taken: Collection[Factor]) -> dict[str, Any]:
    """The recipe a, with what these factors are in b."""
    values, theirs = dict(leaves(dict(a))), dict(leaves(dict(b)))
    for factor in taken:
        for path in factor.keys:
            for own in (path, *_ranges(path, {**values, **theirs})):
                values.pop(own, None)
                if own in theirs:
                    values[own] = theirs[own]
    options = [name for factor in taken for name in factor.options]
    if options:
        command = ("run", "command")
        values[command] = _mixed_command(values[command], theirs[command], options)
    tables = {path[:end] for path in values for end in range(1, len(path) + 1)}
    remarks = [path for path in values if path[0] in ("why", "space") and len(path) > 1]
    for path in remarks:  # on keys that only the other recipe has
        if (split_key(path[1]) or ()) not in tables:
            del values[path]
    return nested(values)


def _ranges(path: KeyPath, values: Collection[KeyPath]) -> list[KeyPath]:
    """Where a key's range for sweeps stands, in which its value has to lie."""
    return [other for other in values if other[:2] == ("space", dotted(path))]


def _mixed_command(a: list[str], b: list[str], options: Collection[str]) -> list[str]:
    """Words without an option come from the line on which the options are put; those of the other are the rest's."""
    from gitexp.record.arguments import argument_changes

    loose = any(name in LOOSE for name in options)
    others = [one.name for one in argument_changes(a, b) if one.name not in options]
    made = swapped(b, a, others) if loose else swapped(a, b, options)
    if made is None:
        raise GitexpError(f"The arguments {', '.join(map(escaped, options))} cannot be told from the rest")
    return made


def mixed_environment(of: Run, taken: Collection[tuple[Factor, Run]]) -> Run:
    """The run, of a record or made of two, whose environment a mixture has."""
    others = [(factor, run) for factor, run in taken if factor.kind == ENVIRONMENT]
    if not others:
        return of
    [(factor, other), *more] = others
    if not factor.package:
        return other
    names = {factor.package, *(one.package for one, _ in more)}
    if OTHER not in names:
        return of.with_packages(other, names)
    differing = (Inputs(of, other).environment or {}).get("packages", {})
    return other.with_packages(of, {*differing} - names)


def nested(values: dict[KeyPath, Any]) -> dict[str, Any]:
    """Values by path as tables."""
    made: dict[str, Any] = {}
    for path, value in values.items():
        table = made
        for part in path[:-1]:
            table = table.setdefault(part, {})
        table[path[-1]] = value
    return made
