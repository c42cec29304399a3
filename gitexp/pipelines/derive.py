"""Write a recipe from a recorded run: its command with the arguments as settings, its data, metrics, outputs and seed.

The recipe runs to the same argv, or nothing is written. Never overwrites.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gitexp.clone import Clone
from gitexp.errors import GitexpError
from gitexp.history.read import Run
from gitexp.record.arguments import Option, arguments
from gitexp.record.runrecord import RunRecord
from gitexp.spec.placeholders import escape
from gitexp.spec.recipe import OUTPUT, Recipe, dump_recipe, ordered, program_argv
from gitexp.spec.recipe_shape import OWN
from gitexp.stages.resolve import FOLDER, resolve_recorded
from gitexp.text.schema import KeyPath, dotted, escaped, split_key
from gitexp.wholefile import write_whole


class Derived(NamedTuple):
    """What was written."""

    path: str  # posix, relative to the root
    settings: tuple[str, ...]  # keys that were arguments, as they are typed behind -s


def derive(name: str, run: Run, recipe_text: str, *, clone: Clone) -> Derived:
    """Write recipes/NAME.toml. Raises GitexpError where it cannot be, or where NAME is taken."""
    record, root = run.record, clone.repo.root
    if record is None:
        raise GitexpError(f"The record of {run.commit[:10]} cannot be read", fix=f"gitexp show {run.commit[:10]}")
    if record.cwd != ".":
        raise GitexpError(
            f"Run {record.id} ran in {escaped(record.cwd)}, and the program of a recipe runs at the repository's root",
            fix="run its command from the root once, then derive the recipe from that run",
        )
    if "[redacted:" in recipe_text:
        raise GitexpError(
            f"Run {record.id} was given a secret, which its record does not have, and a recipe must not",
            fix="have the program read it from a variable; run it so once, then derive the recipe from that run",
        )
    unsure = next((word for word in record.argv if re.search(r"\\x[89a-f][0-9a-f]", word)), None)
    if unsure is not None:
        raise GitexpError(
            f"No recipe can hold bytes that are not UTF-8, as {escaped(unsure)} of run {record.id} may have been"
        )
    for taken in (root / FOLDER / f"{name}.toml", root / FOLDER / name):
        if os.path.lexists(taken):
            shown = taken.relative_to(root).as_posix()
            raise GitexpError(
                f"{shown} is there already; nothing was written", fix=f"gitexp new OTHER --from {record.id}"
            )
    recorded = resolve_recorded(
        recipe_text, name=name, path=f"{FOLDER}/{name}.toml", where=f"{run.commit[:7]}:recipe.toml", config=clone.config
    )
    if recorded.made_of_components or record.recipe_path:
        values, keys = dict(recorded.values), tuple[str, ...]()
    else:
        values, keys = _with_settings(recorded, record)
    origin = f"run {record.id}, {escaped(record.recipe)}"
    values["about"] = {**values.get("about", {}), "template": origin}
    text = dump_recipe(ordered(values))
    written = resolve_recorded(text, name=name, path=recorded.path, where=f"{name}.toml", config=clone.config)
    if not written.made_of_components and _argv(written) != _argv(recorded):
        raise GitexpError(f"No recipe was found that runs what {record.id} ran")  # a bug of ours; nothing is written
    path = root / FOLDER / f"{name}.toml"
    path.parent.mkdir(exist_ok=True)
    write_whole(path, text.encode())
    return Derived(path.relative_to(root).as_posix(), keys)


def _argv(recipe: Recipe) -> tuple[str, ...]:
    paths = {name: ref.path or name for name, ref in recipe.data.items()}
    return program_argv(recipe, data_paths=paths, output=OUTPUT)


def _with_settings(recipe: Recipe, record: RunRecord) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The recipe's values with what its command's arguments say as keys; and those keys."""
    values: dict[str, Any] = dict(recipe.values)
    command = [escape(word) for word in record.argv]
    places = {ref.path: name for name, ref in recipe.data.items() if ref.path}
    settings: dict[str, Any] = {}
    for option, at, before, text in _single_values(arguments(record.argv).options, record.argv):
        path = _key(option)
        if text in places:
            command[at] = f"{before}{{data.{places[text]}}}"
        elif path == ("seed",) and text.isdecimal() and values.get("seed", int(text)) == int(text):
            values["seed"] = int(text)
            command[at] = f"{before}{{seed}}"
        elif path and path[0] not in OWN and _put(settings, path, _value(text)):
            command[at] = f"{before}{{{dotted(path)}}}"
    for at, word in enumerate(record.argv):  # a dataset that is no option's value
        if word in places:
            command[at] = f"{{data.{places[word]}}}"
    values["run"] = {**values.get("run", {}), "command": command}
    return values | settings, tuple(_dotted_keys(settings))


def _single_values(options: tuple[Option, ...], argv: tuple[str, ...]) -> Iterator[tuple[Option, int, str, str]]:
    """Options that are there once and have one value: with its place, what stands before it there, and the value."""
    names = [option.name for option in options]
    for option in options:
        if names.count(option.name) > 1 or len(option.values) != 1 or option.negated:
            continue
        at = option.at if option.joined else option.at + 1
        before = escape(argv[at][: len(argv[at]) - len(option.values[0])])
        yield option, at, before, option.values[0]


def _key(option: Option) -> KeyPath | None:
    """A key for an option with a name of more than a letter; None: its name says nothing."""
    name = option.name.rpartition(" ")[2].lstrip("-+~").replace("-", "_")
    return split_key(name) if len(name) > 1 else None


def _put(settings: dict[str, Any], path: KeyPath, value: Any) -> bool:
    """Set a key, unless another is, or lies around or below it."""
    table = settings
    for part in path[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            return False
    if path[-1] in table:
        return False
    table[path[-1]] = value
    return True


def _value(text: str) -> Any:
    """A number or boolean where TOML writes it exactly as it was typed, else text."""
    if text in ("true", "false"):
        return text == "true"
    for number in (int, float):
        try:
            value = number(text)
        except ValueError:
            continue
        if repr(value) == text and value - value == 0 and abs(value) < 2**63:
            return value
    return text


def _dotted_keys(settings: Mapping[str, Any], above: KeyPath = ()) -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _dotted_keys(value, (*above, key))
        else:
            yield dotted((*above, key))
