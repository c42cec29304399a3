"""A recipe that is made of components: what stands in which slot, what is wrong with its form, its defaults merged in.

Standard library only, for the training program uses it too. Nothing here imports a component.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gitexp.spec.placeholders import Misplaced, fill_value
from gitexp.spec.recipe_shape import DEFAULT_USE, RESERVED, SLOTS
from gitexp.text.schema import KeyPath, Problem, dotted, expected, near, spell, texts, version

REQUIRED = ("loader", "model", "loss", "optimizer")
EXAMPLES = {
    "loader": "recipes/NAME/components.py:Images",
    "model": "torch.nn:Linear",
    "loss": "torch.nn:CrossEntropyLoss",
    "optimizer": "torch.optim:AdamW",
    "scheduler": "torch.optim.lr_scheduler:CosineAnnealingLR",
    "eval": "gitexp.training.evaluate:Classification",
}
_USE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_FILE_USE = re.compile(r"[^:\x00-\x1f\\]+\.py:[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def made_of_components(values: Mapping[str, Any]) -> bool:
    """Whether a recipe without a command names any component."""
    tables = (values.get(slot) for slot in SLOTS)
    return any(isinstance(table, dict) and ("use" in table or "steps" in table) for table in tables)


def components_in(values: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    """Each component's key path and table, nested ones after the one that takes them. [train] may have no `use`."""
    for slot in SLOTS:
        table = values.get(slot)
        if not isinstance(table, dict):
            continue
        if slot == "preprocess":
            steps = table.get("steps", [])
            for name in steps if isinstance(steps, list) else ():
                if isinstance(name, str) and isinstance(table.get(name), dict):
                    yield (slot, name), table[name]
                    yield from _nested(table[name], (slot, name))
        else:
            yield (slot,), table
            yield from _nested(table, (slot,))


def _nested(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        at = (*path, str(key))
        if isinstance(inner, dict) and "use" in inner:
            yield at, inner
        yield from _nested(inner, at)


# ---- what is wrong with its form


def assembly_problems(values: Mapping[str, Any], *, seed: int | None, data: Mapping[str, Any]) -> Iterator[Problem]:
    """What can be said without importing anything. `data`: the recipe's datasets by name."""
    for slot in SLOTS:
        if slot in values and not isinstance(values[slot], dict):
            yield (slot,), expected("a table with `use`", values[slot])
        elif slot not in values and slot in REQUIRED:
            needed = ", ".join(f"[{name}]" for name in REQUIRED)
            yield (slot,), f"missing; a recipe made of components needs {needed}, and may run a command instead"
    for name, table in values.items():
        if name not in SLOTS and isinstance(table, dict) and isinstance(table.get("use"), str):
            hint = near(name, SLOTS) or f"; slots are {', '.join(SLOTS)}"
            yield (name,), f"there is no slot {spell(name)}{hint}"
    if isinstance(values.get("preprocess"), dict):
        yield from _step_problems(values["preprocess"])
    paths = dict.fromkeys(data, "path")
    for path, table in components_in(values):
        yield from _component_problems(path, table)
        for key, value in table.items():
            if key not in RESERVED:
                yield from _placeholder_problems(value, (*path, key), values, seed, paths)


def _step_problems(table: Mapping[str, Any]) -> Iterator[Problem]:
    at: KeyPath = ("preprocess", "steps")
    steps = table.get("steps")
    if steps is None:
        yield at, 'missing; say which steps, in their order, such as steps = ["impute", "scale"]'
        steps = []
    elif texts(steps):
        yield at, texts(steps) or ""
        steps = []
    tables = [name for name, value in table.items() if isinstance(value, dict)]
    for index, name in enumerate(steps):
        if name in (*RESERVED, "steps") or not name or "." in name:
            yield at, f"a step cannot be called {spell(name)}"
        elif steps.index(name) != index:
            yield at, f"{spell(name)} stands there twice; give the second one a name and a table of its own"
        elif not isinstance(table.get(name), dict):
            hint = near(name, tables) or f"; write [preprocess.{name}] with its `use`"
            yield at, f"there is no table [{dotted(('preprocess', name))}]{hint}"
    for name, value in table.items():
        if name != "steps" and not isinstance(value, dict):
            what = "preprocess is a list of steps: each has a table of its own" if name in RESERVED else "unknown key"
            yield ("preprocess", name), f"{what}; known here: steps, and a table for each step"


def unused_steps(values: Mapping[str, Any]) -> list[str]:
    """The tables of steps that `steps` does not name."""
    table = values.get("preprocess")
    if not isinstance(table, dict) or not isinstance(table.get("steps"), list):
        return []
    return [name for name, value in table.items() if isinstance(value, dict) and name not in table["steps"]]


def _component_problems(path: KeyPath, table: Mapping[str, Any]) -> Iterator[Problem]:
    if "use" in table:
        complaint = use_problem(table["use"])
        if complaint:
            yield (*path, "use"), complaint
    elif path not in DEFAULT_USE:
        example = EXAMPLES.get(path[0], "gitexp.training.steps:Standardise")
        yield (*path, "use"), f'missing; say which component, such as use = "{example}"'
    complaint = version(table.get("contract", "1.0"))
    if complaint:
        yield (*path, "contract"), complaint


def files_of(module: str) -> list[str]:
    """Where the module of a `use` would lie in the repository: paths from its root."""
    stem = module.replace(".", "/")
    return [module] if module.endswith(".py") else [f"{stem}.py", f"{stem}/__init__.py"] if module else []


def use_problem(use: Any) -> str | None:
    """What is wrong with the form of a `use`; whether there is such a component is the training program's question."""
    forms = '"package.module:Name" or "path/from/root.py:Name"'
    if not isinstance(use, str):
        return expected(forms, use)
    if use.partition(":")[0].endswith(".py") and _FILE_USE.fullmatch(use):
        parts = use.partition(":")[0].split("/")
        if parts[0] == "" or ".." in parts:
            return f"{spell(use)} must lie inside the repository: its path counts from the root, without .."
        return None
    if _USE.fullmatch(use):
        return None
    head, dot, tail = use.rpartition(".")
    hint = f'; did you mean "{head}:{tail}"?' if dot and tail != "py" and _USE.fullmatch(f"{head}:{tail}") else ""
    return expected(forms, use) + hint


def _placeholder_problems(
    value: Any, path: KeyPath, values: Mapping[str, Any], seed: int | None, data_paths: Mapping[str, str]
) -> Iterator[Problem]:
    if isinstance(value, str):
        try:
            fill_value(value, values=values, seed=seed, data_paths=data_paths)
        except Misplaced as misplaced:
            yield path, str(misplaced)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not (key in RESERVED and "use" in value):
                yield from _placeholder_problems(inner, (*path, key), values, seed, data_paths)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _placeholder_problems(inner, (*path, str(index)), values, seed, data_paths)


# ---- what the training program does with it, and what becomes of it


def filled(value: Any, *, values: Mapping[str, Any], seed: int | None, data_paths: Mapping[str, str]) -> Any:
    """An argument with its placeholders filled, in tables and arrays too. Raises Misplaced."""
    if isinstance(value, str):
        return fill_value(value, values=values, seed=seed, data_paths=data_paths)
    if isinstance(value, dict):
        return {
            key: inner
            if key in RESERVED and "use" in value
            else filled(inner, values=values, seed=seed, data_paths=data_paths)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [filled(inner, values=values, seed=seed, data_paths=data_paths) for inner in value]
    return value


def with_defaults(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's values, and after them the defaults that nobody typed. What cannot stand in TOML is left out."""
    merged = dict(values)
    for key, value in defaults.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), dict):
            merged[key] = with_defaults(merged[key], value)
        elif key not in merged:
            known = plain_default(value)
            if known is not None:
                merged[key] = known
    return merged


def plain_default(value: Any) -> Any:
    """A value of JSON as a recipe can hold it, braces escaped; None where it cannot."""
    if isinstance(value, str):
        shown = value.encode("utf-8", "backslashreplace").decode()
        return shown.replace("{", "{{").replace("}", "}}")
    if isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else None
    if isinstance(value, list):
        items = [plain_default(item) for item in value]
        return None if None in items else items
    if isinstance(value, Mapping):
        known = {str(key): plain_default(inner) for key, inner in value.items()}
        return {key: inner for key, inner in known.items() if inner is not None}
    return None
