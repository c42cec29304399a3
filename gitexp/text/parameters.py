"""Settings that programs keep in YAML, JSON and TOML as one flat table: `optim.lr`, by the names that people type.

Within bounds, whatever the file: an alias that repeats another a million times is not written out. Tags of YAML make no
objects: what stands under one is taken as the plain value that it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

MOST_BYTES = 1 << 16  # of which PyYAML takes half a second
MOST_KEYS = 4096
MOST_MERGED = 64  # tables by `<<` into one
DEEPEST = 32
ENDINGS = (".yaml", ".yml", ".json", ".toml")

_FLOAT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+")


def parameters(name: str, data: bytes) -> dict[str, Any] | None:
    """The values of a file by their dotted names; None where it is no table in one of the formats, or beyond bounds.

    A value is a number, a boolean, a text, None, or a list of these. YAML needs PyYAML; without it there is None.
    """
    known = table(name, data)
    return None if known is None else flat(known)


def table(name: str, data: bytes) -> dict[str, Any] | None:
    """The table of a file as it is nested; None as of `parameters`."""
    if len(data) > MOST_BYTES:
        return None
    try:
        known = _parsed(name, data.decode())
    except (ValueError, RecursionError):
        return None
    return known if isinstance(known, dict) else None


def flat(known: dict[Any, Any]) -> dict[str, Any] | None:
    """The values of a table by their dotted names; None: too many."""
    found = dict(islice(_flat(known, "", DEEPEST), MOST_KEYS + 1))
    return found if len(found) <= MOST_KEYS else None


def _parsed(name: str, text: str) -> Any:
    """What stands in it. Raises ValueError."""
    if name.endswith(".json"):
        return json.loads(text)
    if name.endswith(".toml"):
        from gitexp.text.bounded import load_toml

        return load_toml(text)
    return _yaml(text) if name.endswith((".yaml", ".yml")) else None


def _yaml(text: str) -> Any:
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError:
        return None

    class Plain(yaml.SafeLoader):  # type: ignore[misc]
        """As SafeLoader, but what is under a tag is plain. (CSafeLoader dies of 50,000 brackets in each other.)"""

        def flatten_mapping(self, node: Any) -> None:
            """Within bounds: each `<<: [*a, *a]` doubles the keys of the one before, and SafeLoader keeps them all."""
            merged = [value for key, value in node.value if key.tag == "tag:yaml.org,2002:merge"]
            if not merged:
                return
            if sum(len(value.value) if isinstance(value, yaml.SequenceNode) else 1 for value in merged) > MOST_MERGED:
                raise yaml.YAMLError("too many tables merged into one")
            super().flatten_mapping(node)
            last = {
                (key.tag, key.value if isinstance(key, yaml.ScalarNode) else id(key)): at
                for at, (key, _) in enumerate(node.value)
            }
            node.value = [node.value[at] for at in sorted(last.values())]

    def plain(loader: Any, _: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    Plain.add_multi_constructor("", plain)
    try:
        return yaml.load(text, Loader=Plain)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _flat(value: Any, name: str, deepest: int) -> Iterator[tuple[str, Any]]:
    """The leaves; what is empty, or too deep, is one."""
    inner: dict[Any, Any] | None = None
    if isinstance(value, dict):
        inner = value
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        inner = dict(enumerate(value))
    if inner and deepest:
        for key, one in inner.items():
            yield from _flat(one, f"{name}.{key}" if name else f"{key}", deepest - 1)
    else:
        yield name, _leaf(value)


def _leaf(value: Any) -> Any:
    if isinstance(value, str) and _FLOAT.fullmatch(value):
        return float(value)  # 1e-4, which YAML 1.1 takes for a text
    if isinstance(value, list):
        return [_leaf(one) for one in value] if not any(isinstance(one, dict | list) for one in value) else "…"
    if isinstance(value, dict):
        return "…" if value else {}
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)  # dates
