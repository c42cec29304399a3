"""The tables of a recipe that are gitexp's own: their keys, what each may be, and the order they are written in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitexp.spec.catalogue import dataset_name, location, pinned_digest, source_url
from gitexp.spec.config import CAPTURES, GOALS, duration, items_file, metric_name, size
from gitexp.spec.outputs import outputs
from gitexp.text.schema import (
    Each,
    Either,
    KeyPath,
    Problem,
    at_least,
    expected,
    integer,
    number,
    one_of,
    some_values,
    spell,
    split_key,
    text,
    texts,
    yes_or_no,
)


def _command(value: Any) -> str | None:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        return expected('an array of strings such as ["python", "train.py"]', value)
    if not value[0]:
        return "the first element names the program and cannot be empty"
    return "an argument cannot hold a NUL character" if any("\0" in item for item in value) else None


def _files(value: Any) -> str | None:
    complaint = texts(value)
    if complaint is None and any(not item or "\0" in item for item in value):
        return expected("file names", value)
    return complaint


def _globs(value: Any) -> str | None:
    complaint = texts(value)
    return complaint or (None if all(value) else expected("names of metrics, or patterns such as val.*", value))


def _tolerated(value: Any) -> str | None:
    from gitexp.record.tolerance import allowance

    return None if allowance(value) else expected('a distance such as 0.005, or a share such as "1%"', value)


def _pattern(value: Any) -> str | None:
    import re

    if not isinstance(value, str):
        return expected("a regular expression", value)
    try:
        compiled = re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        return f"not a regular expression: {error}, in {spell(value)}"
    if compiled.groups - ("step" in compiled.groupindex) < 1:
        return f"expected a group around the number, such as 'loss: (\\S+)', got {spell(value)}"
    return None


def _variable(value: Any) -> str | None:
    return text(value) or ("a variable cannot hold a NUL character" if "\0" in value else None)


def _variable_name(name: str) -> str | None:
    return None if name and "=" not in name and "\0" not in name else f"{spell(name)} is no variable's name"


def _range_key(key: str) -> str | None:
    return None if split_key(key) else f"{spell(key)} is no key path"


ABOUT = (
    "summary",
    "rationale",
    "trade_offs",
    "suitable_use",
    "failure_modes",
    "debugging",
    "owner",
    "version",
    "template",
)


def monitored(value: Any) -> str | None:
    """What is wrong with it as a metric's name."""
    return text(value) or metric_name(value)


# The order is that of a recorded recipe.toml; `seed` comes first and the program's own tables last.
OWN: Mapping[str, Any] = {
    "seed": integer,
    "about": dict.fromkeys(ABOUT, text),
    "why": Each(text),
    "run": {
        "command": _command,
        "timeout": duration,
        "python": text,
        "env": Each(_variable, name=_variable_name),
        "outputs": outputs,
        "old_outputs": one_of("keep", "clear", "version"),
    },
    "data": Each(
        Either(location, {"path": location, "url": source_url, "name": dataset_name, "digest": pinned_digest}),
        name=dataset_name,
    ),
    "metrics": {
        "files": _files,
        "items": items_file,
        "keys": _globs,
        "ignore": _globs,
        "output": Each(_pattern, name=metric_name),
        "goal": GOALS,
        "step": text,
        "monitor": monitored,
        "summary": Each(one_of("last", "best", "min", "max"), name=metric_name),
        "tolerance": Each(_tolerated, name=metric_name),
        "not_compared": _globs,
    },
    "capture": dict.fromkeys(CAPTURES, yes_or_no),
    "space": Each({"low": number, "high": number, "log": yes_or_no, "choices": some_values}, name=_range_key),
    "resources": {
        "cpus": at_least(1),
        "memory": size,
        "gpus": at_least(0),
        "processes": at_least(1),
        "max_restarts": at_least(0),
    },
    "reproducibility": {"level": one_of("bitwise", "seeded", "off"), "threads": at_least(1)},
}

# The slots of a recipe that is made of components. In such a recipe each is a table with `use`, and its arguments.
SLOTS = ("loader", "preprocess", "model", "loss", "optimizer", "scheduler", "train", "eval")
RESERVED = ("use", "contract")  # in a component's table; everything else there are its arguments
DEFAULT_USE: Mapping[KeyPath, str] = {("train",): "gitexp.training.loop:Train"}

# Documentation: it never counts as a changed key.
REMARKS = ("about", "why")


def oversized(value: Any, path: KeyPath = ()) -> Iterator[Problem]:
    """Integers that other readers of TOML cannot hold."""
    if type(value) is int:
        if not -(2**63) <= value < 2**63:
            yield path, f"integers end at ±2^63, got {spell(value, limit=30)}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from oversized(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from oversized(inner, path)
