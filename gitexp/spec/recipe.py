"""A recipe with every value that took effect; its canonical text, its argv, and its values by dotted key.

The text keeps its placeholders and is itself a recipe that resolves to the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gitexp.record.digests import Digest
from gitexp.record.metrics import MetricRules, metric_rules
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.config import parse_duration
from gitexp.spec.placeholders import Misplaced, fill
from gitexp.spec.recipe_merge import SOURCES, Merged, Origin, nearest
from gitexp.spec.recipe_shape import OWN, REMARKS
from gitexp.text.schema import KeyPath, dotted, escaped, leaves, near, spell, split_key

OUTPUT = "$GITEXP_OUTPUT"
EXAMPLE = 'command = ["python", "train.py"]'


class Recipe(NamedTuple):
    """A resolved recipe."""

    name: str
    path: str | None  # posix, relative to the repository's root; None for `run -- CMD`
    values: dict[str, Any]  # all that took effect, gitexp's own tables included, placeholders kept
    text: str  # recipe.toml
    origins: Mapping[KeyPath, Origin]  # of each value; lines are looked up by Origin.at
    seed: int | None
    command: tuple[str, ...]  # placeholders kept; empty: the recipe is made of components
    timeout_s: float | None
    data: Mapping[str, DatasetRef]
    metrics: MetricRules
    env: Mapping[str, str] = {}  # variables that it sets for the program
    capture: Mapping[str, bool] = {}  # what of it is not to be seen, or again
    outputs: tuple[str, ...] = ()  # what the program writes and the record keeps, relative to its working folder
    argv: tuple[str, ...] | None = None  # of `run -- CMD`: as typed, bytes that are not UTF-8 included

    @property
    def made_of_components(self) -> bool:
        """Whether gitexp.training is the program."""
        return not self.command

    def where(self, path: KeyPath) -> str:
        """`file:line` or the flag that a value came from; of a missing key, where the table around it is."""
        origin = nearest(self.origins, path)
        return origin.at(path) if origin is not None else escaped(self.path or self.name)


def finish(merged: Merged, *, name: str, path: str | None, datasets: Mapping[str, DatasetRef]) -> Recipe | None:
    """The recipe that the merged layers make. None when anything is wrong: `merged.problems` then says what."""
    found = _datasets(merged, datasets)
    _check_why(merged)
    _check_summary(merged)
    own = _own_goals_first(merged)
    values = merged.values
    if "space" in values:
        _check_space(merged)
    command = values.get("run", {}).get("command")
    if command is not None:
        _check_command(merged, command)
    elif ("run", "command") not in merged.left_out:
        _check_components(merged, escaped(path or name))
    if merged.problems:
        return None
    _compact_data(merged)
    in_order = ordered(values)
    run = values.get("run", {})
    timeout = run.get("timeout")
    return Recipe(
        name=name,
        path=path,
        values=in_order,
        text=dump_recipe(in_order),
        origins=merged.origins,
        seed=values.get("seed"),
        command=tuple(command or ()),
        timeout_s=None if timeout is None else parse_duration(timeout),
        data=found,
        metrics=metric_rules(values, named=_named(own, values, made_of_components=not command)),
        env=run.get("env", {}),
        outputs=tuple(run.get("outputs", ())),
        capture=values.get("capture", {}),
    )


def program_argv(recipe: Recipe, *, data_paths: Mapping[str, str], output: str = OUTPUT) -> tuple[str, ...]:
    """The argv to execute. `data_paths` gives each dataset's place, as the program is to see it.

    `output`: the folder of the run's own that {output} stands for; while nobody knows it, the variable that will.
    """
    if recipe.argv is not None:
        return recipe.argv
    argv: list[str] = []
    values = {"output": output, **recipe.values}
    for element in fill(recipe.command, values=values, seed=recipe.seed, data_paths=data_paths):
        assert not isinstance(element, Misplaced), "resolve has filled every element once"
        argv += element
    return tuple(argv)


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """Every value under its dotted key, without about and why: what diff and log compare. Arrays are values."""
    return {dotted(path): value for path, value in leaves(values) if path[0] not in REMARKS}


def dump_recipe(values: Mapping[str, Any]) -> str:
    """The text of recipe.toml."""
    import tomli_w

    text = tomli_w.dumps(values)
    # Long texts with line breaks are for people; but TOML loses the carriage returns of a text over several lines.
    if "\\n" in text and "\\r" not in text:
        text = tomli_w.dumps(values, multiline_strings=True)
    if text.isascii():
        return text
    # Only strings and quoted keys hold such characters, and there an escape means the same: `cat` stays safe.
    return "".join(c if c.isprintable() or c in "\n\t" else escaped(c) for c in text)


def ordered(values: Mapping[str, Any]) -> dict[str, Any]:
    """gitexp's own tables and keys in their fixed order, then the program's as they were written."""
    own: dict[str, Any] = {}
    for name, part in OWN.items():
        if name not in values or values[name] == {}:
            continue
        value = values[name]
        if isinstance(part, dict):
            value = {key: value[key] for key in part if key in value and value[key] != {}}
        own[name] = value
    return own | {name: value for name, value in values.items() if name not in OWN}


def _datasets(merged: Merged, catalogue: Mapping[str, DatasetRef]) -> dict[str, DatasetRef]:
    """What each dataset is. Complains about sources that are missing, doubled or unknown, and colliding names."""
    import posixpath

    found: dict[str, DatasetRef] = {}
    variables: dict[str, str] = {}
    for name, entry in merged.values.get("data", {}).items():
        at = ("data", name)
        variable = name.replace("-", "_").upper()
        other = variables.setdefault(variable, name)
        if other != name:
            merged.complain_at(at, f"it and {other} would both be GITEXP_DATA_{variable} to the program; rename one")
        given = [source for source in SOURCES if source in entry]
        if len(given) != 1:
            stated = " and ".join(given) if given else "none of them"
            merged.complain_at(at, f"expected one of path, url and name, got {stated}")
            continue
        pinned = Digest(entry["digest"]) if "digest" in entry else None
        if "url" in entry:
            found[name] = DatasetRef(name, url=entry["url"], digest=pinned)
        elif "path" in entry:
            found[name] = DatasetRef(name, path=posixpath.normpath(entry["path"]), digest=pinned)
        elif entry["name"] in catalogue:
            known = catalogue[entry["name"]]
            found[name] = known._replace(name=name, digest=pinned or known.digest, is_recipes_pin=pinned is not None)
        else:
            hint = near(entry["name"], catalogue)
            merged.complain_at((*at, "name"), f"no dataset {spell(entry['name'])} in gitexp.toml{hint}")
    return found


def _compact_data(merged: Merged) -> None:
    """A dataset that is only a path or a URL is written as one; `./` says so where it could be a catalogue's name."""
    from gitexp.spec.catalogue import dataset_name

    data = merged.values.get("data", {})
    for name, entry in data.items():
        if list(entry) == ["path"]:
            path = entry["path"]
            data[name] = f"./{path}" if dataset_name(path) is None else path
            merged.origins["data", name] = merged.origins.pop(("data", name, "path"))
        elif list(entry) == ["url"]:
            data[name] = entry["url"]
            merged.origins["data", name] = merged.origins.pop(("data", name, "url"))
        else:
            data[name] = {key: entry[key] for key in (*SOURCES, "digest") if key in entry}


def _check_components(merged: Merged, name: str) -> None:
    from gitexp.spec.assembly import assembly_problems, made_of_components, unused_steps

    values = merged.values
    if not made_of_components(values):
        merged.problems.append(
            f"{name}: run.command: missing; say what to run, such as  {EXAMPLE}  "
            "or name components: [loader], [model], [loss] and [optimizer], each with its `use`"
        )
        return
    for step in unused_steps(values):
        at = ("preprocess", step)
        if merged.origin(at) is merged.origins.get(("preprocess", "steps")):
            merged.complain_at(at, f"no step: `steps` does not name {step}")
        else:  # `steps` was replaced later, by one that leaves this out
            del values["preprocess"][step]
    for path, what in assembly_problems(values, seed=values.get("seed"), data=values.get("data", {})):
        if nearest(merged.origins, path) is None:
            merged.problems.append(f"{name}: {dotted(path)}: {what}")
        else:
            merged.complain_at(path, what)


def _check_space(merged: Merged) -> None:
    """Each range is one, and the key's value lies in it."""
    from gitexp.spec.space import outside, range_problem

    for key, entry in merged.values["space"].items():
        at, path = ("space", key), split_key(key)
        complaint = range_problem(entry)
        if complaint:
            merged.complain_at(at, complaint)
        elif path is None or not merged.has(path):
            hint = merged.near_key(path) if path else ""
            merged.complain_at(at, f"gives a range for a key that does not exist{hint}")
        else:
            complaint = outside(merged.value(path), entry)
            if complaint:
                merged.complain_at(path, f"{complaint} ({merged.origin(at).at(at)})")


def _check_why(merged: Merged) -> None:
    for key in merged.values.get("why", {}):
        path = split_key(key)
        if path is None or not merged.has(path):
            hint = merged.near_key(path) if path else ""
            merged.complain_at(("why", key), f"gives a reason for a key that does not exist{hint}")


def _own_goals_first(merged: Merged) -> list[str]:
    """The goals that the recipe itself states. The first goal decides what a run is judged by."""
    goals = merged.values.get("metrics", {}).get("goal", {})
    own = [name for name in goals if merged.lab is None or merged.origin(("metrics", "goal", name)) is not merged.lab]
    if own:
        merged.values["metrics"]["goal"] = {name: goals[name] for name in dict.fromkeys([*own, *goals])}
    return own


def _named(own_goals: Sequence[str], values: Mapping[str, Any], *, made_of_components: bool) -> tuple[str, ...]:
    """The metrics that the recipe itself names, and so expects."""
    rules, train = values.get("metrics", {}), values.get("train", {})
    monitors = [rules.get("monitor"), train.get("monitor") if made_of_components else None]
    names = [*own_goals, *rules.get("summary", {}), *rules.get("output", {})]
    return tuple(dict.fromkeys([*names, *(name for name in monitors if isinstance(name, str))]))


def _check_summary(merged: Merged) -> None:
    metrics = merged.values.get("metrics", {})
    asked = [(("metrics", "monitor"), metrics["monitor"], "what is best")] if "monitor" in metrics else []
    best = (name for name, how in metrics.get("summary", {}).items() if how == "best")
    for at, name, what in [*asked, *((("metrics", "summary", name), name, '"best"') for name in best)]:
        if name not in metrics.get("goal", {}):
            goal = dotted(("metrics", "goal", name))
            merged.complain_at(at, f'{what} needs to know which way: {goal} = "max" or "min"')


def _check_command(merged: Merged, command: list[str]) -> None:
    """Fill every placeholder once, with any path for a dataset, so that it cannot fail when the run starts."""
    values = {"output": OUTPUT, **merged.values}
    paths = dict.fromkeys(values.get("data", {}), "path")
    argv: list[str] = []
    misplaced = False
    for index, element in enumerate(fill(command, values=values, seed=values.get("seed"), data_paths=paths)):
        if isinstance(element, Misplaced):
            misplaced = True
            which = "the program" if index == 0 else f"argument {index}"
            merged.complain_at(("run", "command"), f"{which}: {element}")
        else:
            argv += element
    if not misplaced and (not argv or not argv[0]):
        merged.complain_at(("run", "command"), "the program: its placeholders leave nothing to run")
