"""What went into two runs, and whether it was the same: the one place that decides it.

Code, recipe, data by digest and rows of splits, the seed, and whether it was a smoke run; the environment beside them.
Command lines are compared argument by argument, in any order.
What was not looked at is not recorded, and never the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp.record.arguments import ArgumentChange, argument_changes, arguments, is_seed, without_seed
from gitexp.record.digests import Digest

if TYPE_CHECKING:
    from gitexp.history.read import Run
    from gitexp.record.datarecord import DatasetRecord
    from gitexp.record.runrecord import SplitRows

    # What a record says of the rows of splits: [splits] of run.toml, and data.toml.
    Stated = tuple[Mapping[str, SplitRows], Mapping[str, DatasetRecord]]

TRAIN = "train"
COMMAND = "run.command"
NOT_RECORDED = "not recorded"
RULES = (
    "metrics.tolerance.",
    "metrics.not_compared",
)  # beginnings of keys: of judging reruns, which nothing follows from
MOST_WORDS = 4096  # of a command that is compared word by word; a longer one as a whole


class KeyChange(NamedTuple):
    """A key of the recipe. None: not there."""

    key: str
    a: Any
    b: Any
    why: str | None  # the reason that b's recipe, else a's, gives for the key


class Inputs:
    """Two runs, side by side. Each part is looked at when it is asked for."""

    def __init__(self, a: Run, b: Run) -> None:
        self.a, self.b = a, b

    @property
    def known(self) -> bool:
        """Whether both records can be read, and hold what went in. Those of imported runs do not."""
        return all(run.record and not run.record.imported and run.recipe is not None for run in (self.a, self.b))

    @property
    def same_code(self) -> bool:
        """Whether the trees are one, and there are any."""
        return self.a.code == self.b.code is not None

    @cached_property
    def recipe(self) -> tuple[KeyChange, ...]:
        """The keys whose values differ, in b's order and then a's. Documentation ([about], [why]) never counts."""
        a, b = self.a, self.b
        if a.tree.get("recipe.toml") == b.tree.get("recipe.toml"):
            return ()
        old, new, why = a.recipe_values, b.recipe_values, {**a.why, **b.why}
        return tuple(KeyChange(key, old.get(key), new.get(key), why.get(key)) for key in other_values(old, new))

    @cached_property
    def arguments(self) -> tuple[ArgumentChange, ...]:
        """How the command lines differ, argument by argument; nothing where one recipe has none."""
        command = next((change for change in self.recipe if change.key == COMMAND), None)
        if command is None or not is_command(command.a) or not is_command(command.b):
            return ()
        return tuple(argument_changes(command.a, command.b))

    @cached_property
    def data(self) -> Mapping[str, str]:
        """The state of each dataset: identical, added, removed, changed, other splits, not comparable, not recorded."""
        a, b = self.a, self.b
        if a.tree.get("data.toml") == b.tree.get("data.toml"):
            return dict.fromkeys(sorted(b.data), "identical")
        untold = {name for run in (a, b) if _is_imported(run) for name in {*a.data, *b.data} - {*run.data}}
        return {**_data_states(a.data, b.data), **dict.fromkeys(untold, NOT_RECORDED)}

    @property
    def same_seed(self) -> bool:
        """Whether the seeds are one, or neither has any."""
        return seed_of(self.a) == seed_of(self.b)

    @property
    def untold_seed(self) -> bool:
        """Whether they may be one for all that is known: an imported run has no seed if its tool did not say any."""
        return any(_is_imported(run) and seed_of(run) is None for run in (self.a, self.b))

    @property
    def same_kind(self) -> bool:
        """Whether both or none were tried on a few rows."""
        return (kind_of(self.a) == "smoke") == (kind_of(self.b) == "smoke")

    @cached_property
    def other_rows(self) -> tuple[str, ...]:
        """The splits that are known to have other rows, `train` or held out; those of datasets as DATASET.SPLIT."""
        return other_rows(*((_splits_of(run), run.data) for run in (self.a, self.b)))

    @property
    def untold_held_out(self) -> tuple[str, ...]:
        """The held-out splits of both of which it is not recorded whether they have the same rows."""
        old, new = _splits_of(self.a), _splits_of(self.b)
        both = [name for name in old if name in new and name != TRAIN and name not in self.other_rows]
        return tuple(
            n for n in both if old[n].digest is None or (old[n].by, new[n].digest) != (new[n].by, old[n].digest)
        )

    @property
    def other_held_out(self) -> tuple[str, ...]:
        """Those that something is judged by: metrics of theirs cannot be compared."""
        return held_out(self.other_rows)

    @property
    def same(self) -> bool:
        """Whether all that is an input is known to be the same. The environment is no input."""
        same_data = all(state == "identical" for state in self.data.values())
        same_recipe = all(change.key.startswith(RULES) for change in self.recipe)
        what = (self.known, self.same_code, same_recipe, same_data, not self.other_rows)
        return all(what) and self.same_seed and self.same_kind

    @cached_property
    def environment(self) -> Mapping[str, Any] | None:
        """What differs, by group. None: nothing is known to, and of one side the packages are not recorded."""
        a, b = self.a, self.b
        known = a.packages_recorded and b.packages_recorded
        same_file = a.tree.get("environment.toml") == b.tree.get("environment.toml")
        if same_file or (known and a.environment_lines == b.environment_lines):  # parsing takes 10 ms, log has many
            return {} if known else None
        if a.environment is None or b.environment is None:
            return None
        from gitexp.record.environment import UNKNOWN, environment_differences

        found = environment_differences(a.environment, b.environment)
        if known or "packages" in found:
            return found
        return {**found, "packages": {"(all)": (UNKNOWN, UNKNOWN)}} if found else None


def other_environment(run: Run, here: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What differs, by group, between a run's environment and one in which nothing has run yet. None: not recorded.

    Variables of language and time are told, too: they can still be set.
    """
    if run.environment is None:
        return None
    from gitexp.record.environment import environment_differences

    found = environment_differences(run.environment, here)
    told = {name: pairs for name, pairs in found.items() if name not in ("training", "launcher")}  # known at the end
    old, new = (table if isinstance(table := one.get("locale"), Mapping) else {} for one in (run.environment, here))
    spoken = {name: (old.get(name), new.get(name)) for name in sorted({*old, *new}) if old.get(name) != new.get(name)}
    return {**told, **({"locale": spoken} if spoken else {})}


def same_inputs(
    run: Run, values: Mapping[str, Any], *, code: str, data: Mapping[str, DatasetRecord], kind: str
) -> bool:
    """Whether a run that is to start takes in what a recorded one did. `values`: its recipe's, by dotted key."""
    same_recipe = not other_values(run.recipe_values, values)
    return (run.code, kind_of(run)) == (code, kind) and same_recipe and not other_data(run, data)


def other_data(run: Run, data: Mapping[str, DatasetRecord]) -> list[str]:
    """The datasets that are not what a recorded run read, or of which other rows would be read."""
    return [name for name, one in data.items() if data_state(run.data.get(name), one) != "identical"]


def other_values(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The keys, of recipes by dotted key, whose values differ: the new one's first."""
    both = ((key, old.get(key), new.get(key)) for key in dict.fromkeys([*new, *old]))
    return [key for key, a, b in both if not _equal(a, b) and not (key == COMMAND and _means_the_same(a, b))]


def _means_the_same(a: Any, b: Any) -> bool:
    return is_command(a) and is_command(b) and not argument_changes(a, b)


def is_command(value: Any) -> bool:
    """Whether it is an array of strings that can be taken apart at once: a record may hold anything."""
    return isinstance(value, list) and len(value) <= MOST_WORDS and all(isinstance(item, str) for item in value)


def _data_states(a: Mapping[str, DatasetRecord], b: Mapping[str, DatasetRecord]) -> dict[str, str]:
    return {name: data_state(a.get(name), b.get(name)) for name in sorted({*a, *b})}


def data_state(a: Any, b: Any) -> str:
    """Of two records of a dataset: identical, added, removed, changed, other splits (same files), or not comparable.

    `a`, `b`: DatasetRecord; None where a run did not read it.
    """
    if a is None or b is None:
        return "added" if a is None else "removed"
    keyed = [Digest(one.digest or "").keyed for one in (a, b)]
    if None not in (a.digest, b.digest) and (a.key != b.key if all(keyed) else any(keyed)):
        return "not comparable"
    if a.digest is None or a.digest != b.digest:
        return "changed"
    # Which rows a program sees.
    return "identical" if draws(a, "digest") == draws(b, "digest") else "other splits"


def draws(record: Any, key: str) -> dict[str, Any]:
    """What a DatasetRecord says under this key of each split and sample."""
    both = (("split", record.split), ("sampling", record.sampling))
    return {f"{group}.{name}": rule.get(key) for group, rules in both for name, rule in rules.items()}


def _equal(a: Any, b: Any) -> bool:
    # 1 and 1.0 and true are different values in a recipe; nan is the same as nan.
    return type(a) is type(b) and (a == b or repr(a) == repr(b))


def other_rows(a: Stated, b: Stated) -> tuple[str, ...]:
    """The splits that are known to have other rows; those of datasets as DATASET.SPLIT."""
    old, new = a[0], b[0]
    both = ((name, old[name], new[name]) for name in old if name in new)
    found = [name for name, x, y in both if x.rows != y.rows or (x.by == y.by and x.digest != y.digest)]
    for name in sorted({*a[1]} & {*b[1]}):  # of splits that the catalogue draws from files that are the same
        if data_state(a[1][name], b[1][name]) == "other splits":
            drawn, others = (_digests(data[name]) for data in (a[1], b[1]))
            found += [f"{name}.{split}" for split in sorted({*drawn} & {*others}) if drawn[split] != others[split]]
    return tuple(found)


def held_out(names: Iterable[str]) -> tuple[str, ...]:
    """Of splits, those that something is judged by."""
    return tuple(name for name in names if name.rpartition(".")[2] != TRAIN)


def rows_key(stated: Stated) -> str:
    """The same for runs whose held-out rows are recorded alike, among any number of them; "": none are recorded."""
    splits, data = stated
    said: list[tuple[object, ...]] = [(name, *splits[name]) for name in held_out(sorted(splits))]
    if not said:
        drawn = {name: _digests(data[name]) for name in sorted(data)}
        said = [(name, data[name].digest, sorted(d.items())) for name, d in drawn.items() if held_out(d)]
    if not said:
        return ""
    from hashlib import sha256

    return sha256(repr(said).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def alike_key(recipe: Mapping[str, Any], *, code: str | None, data: Any, kind: str) -> str:
    """The same for runs whose inputs are equal but for the seed: replicates. Empty where inputs are not recorded.

    `recipe`: its values by dotted key; `data`: DatasetRecords by name. What has no digest is nobody's equal. Which rows
    a recipe's own loader draws follows from the seed, so it does not count.
    """
    if code is None or any(one.digest is None for one in data.values()):
        return ""
    values = {key: value for key, value in recipe.items() if not is_seed(key) and not key.startswith(RULES)}
    command = values.pop(COMMAND, None)
    said = (
        code,
        repr(sorted(values.items())),  # 1, 1.0 and true are different values, and keys are never equal
        without_seed(command) if is_command(command) else command,
        sorted((name, one.digest, one.key, sorted(draws(one, "digest").items())) for name, one in data.items()),
        kind == "smoke",
    )
    from hashlib import sha256

    return sha256(repr(said).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _is_imported(run: Run) -> bool:
    return bool(run.record and run.record.imported)


def _splits_of(run: Run) -> Mapping[str, SplitRows]:
    return run.record.splits if run.record else {}


def _digests(record: DatasetRecord) -> dict[str, Any]:
    return {name: rule.get("digest") for name, rule in record.split.items()}


def seed_of(run: Run) -> int | None:
    """Of its record. None: it has none, or cannot be read."""
    return run.record.seed if run.record else None


def seed_in(run: Run) -> int | None:
    """The seed that a record names, or else the command line's --seed."""
    seed = seed_of(run)
    command = run.recipe_values.get(COMMAND) if seed is None else None
    if command is None or not is_command(command):
        return seed
    given = [option.values[0] for option in arguments(command).options if is_seed(option.name) and option.values]
    return int(given[0]) if len(given) == 1 and given[0].isdecimal() and len(given[0]) < 19 else None


def kind_of(run: Run) -> str:
    """run, smoke or rerun; empty where the record cannot be read."""
    return run.record.kind if run.record else ""
