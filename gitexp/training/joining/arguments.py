"""Check a component's table against the real signature of what it calls, and find the defaults that nobody typed.

Only what evidently cannot work is a problem: where an annotation says little, the component itself has the last word.
"""

from __future__ import annotations

import collections.abc
import inspect
import os
import types
import typing
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union

import torch

from gitexp.spec.card import Allowed, Card
from gitexp.text.schema import KeyPath, Problem, near, spell

_INTEGER_LIMIT = 2**63
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_MISSING = inspect.Parameter.empty

Supplied = int | Collection[str]


def argument_problems(
    call: Callable[..., Any],
    table: Mapping[str, Any],
    *,
    use: str,
    path: KeyPath,
    supplied: Supplied = 0,
    card: Card | None = None,
) -> list[Problem]:
    """All that is wrong with the arguments in `table`, each with its key path below `path`.

    `supplied`: how many leading parameters gitexp gives itself, or their names. Placeholders are filled; a nested
    component is its own table (with `use`) or already built.
    """
    problems: list[Problem] = []
    signature = _signature(call)
    if signature is not None:
        problems += _against(signature, table, use=use, path=path, supplied=supplied)
    for name, allowed in (card.arguments if card else {}).items():
        if signature is not None and not _takes(signature, name):
            problems.append(
                (path, f"the card of {use} ({card.source if card else ''}) describes {name}, no argument of it")
            )
        elif name in table and not any(at == (*path, name) for at, _ in problems):
            complaint = _outside(table[name], allowed)
            if complaint:
                problems.append(((*path, name), complaint))
    return problems


def ready(call: Callable[..., Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the callable wants them: arrays become tuples, and strings Paths, where it takes only those."""
    signature = _signature(call)
    known = signature.parameters if signature else {}
    return {name: _shaped(value, known[name]) if name in known else value for name, value in table.items()}


def defaults_of(call: Callable[..., Any], table: Mapping[str, Any], *, supplied: Supplied = 0) -> dict[str, Any]:
    """The values that take effect although nobody typed them, as TOML holds them; what it cannot hold is left out."""
    signature = _signature(call)
    if signature is None:
        return {}
    ours = _ours(signature, supplied)
    found = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind in _BY_NAME and name not in table and name not in ours and _is_plain(parameter.default):
            found[name] = _as_toml(parameter.default)
    return found


# ---- signatures


def _signature(call: Callable[..., Any]) -> inspect.Signature | None:
    """None where Python does not know it, as for functions written in C."""
    try:
        return inspect.signature(call, eval_str=True)
    except Exception:  # noqa: BLE001 - annotations are somebody's code, and may name what is not there
        pass
    try:
        return inspect.signature(call)
    except (ValueError, TypeError):
        return None


def _ours(signature: inspect.Signature, supplied: Supplied) -> set[str]:
    if isinstance(supplied, int):
        return set(list(signature.parameters)[:supplied])
    return set(supplied)


def _takes(signature: inspect.Signature, name: str) -> bool:
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    return inspect.Parameter.VAR_KEYWORD in kinds or (
        name in signature.parameters and signature.parameters[name].kind in _BY_NAME
    )


def _against(
    signature: inspect.Signature, table: Mapping[str, Any], *, use: str, path: KeyPath, supplied: Supplied
) -> Iterator[Problem]:
    ours = _ours(signature, supplied)
    known = {name: p for name, p in signature.parameters.items() if p.kind in _BY_NAME and name not in ours}
    for name, value in table.items():
        if name in ours:
            yield (*path, name), f"gitexp itself gives {name} to {use}; leave it out"
        elif name in known:
            complaint = _unfit(value, known[name])
            if complaint:
                yield (*path, name), complaint
        elif not _takes(signature, name):
            yield (*path, name), _unknown(signature, name, known, use)
    for name, parameter in known.items():
        if parameter.default is _MISSING and name not in table:
            yield path, f"{use} needs {name}{_kind_of(parameter)}"
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is _MISSING and name not in ours:
            yield (
                path,
                f"{use} takes {name} only by place, which a recipe cannot give; wrap it in a function of your own",
            )


def _unknown(signature: inspect.Signature, name: str, known: Mapping[str, Any], use: str) -> str:
    if not known:
        by_place = any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())
        end = " by name; wrap it in a function of your own that takes them so" if by_place else ""
        return f"{use} takes no arguments{end}"
    return f"{use} takes no argument {name}{near(name, known) or f'; it takes {_listed(known)}'}"


def _listed(known: Mapping[str, Any]) -> str:
    names = list(known)
    return ", ".join(names) if len(names) <= 12 else f"{', '.join(names[:12])}, …"


def _kind_of(parameter: inspect.Parameter) -> str:
    plain = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}
    said = plain.get(parameter.annotation) if isinstance(parameter.annotation, type) else None
    return f" ({said})" if said else ""


# ---- types


def _unfit(value: Any, parameter: inspect.Parameter) -> str | None:
    wanted = _wanted(parameter)
    if wanted is None or _fits(value, wanted):
        return None
    return f"expected {_spoken(wanted)}, got {_spelled(value)}"


def _spelled(value: Any) -> str:
    plain = isinstance(value, str | int | float | list | dict)
    return spell(value) if plain else f"a {type(value).__name__}"


def _wanted(parameter: inspect.Parameter) -> Any:
    """What a parameter takes: its annotation, else what its default is; None where neither says."""
    if parameter.annotation is not _MISSING:
        return None if isinstance(parameter.annotation, str) else parameter.annotation
    default = parameter.default
    if type(default) in (int, float):
        return float  # whoever writes `momentum=0` mostly means a number
    if type(default) in (bool, str):
        return type(default)
    return None


def _fits(value: Any, wanted: Any) -> bool:
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if isinstance(value, dict) and "use" in value:
        return True  # a component of its own, which is checked on its own
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if origin is typing.Annotated:
        return _fits(value, inner[0])
    if origin is tuple or wanted is tuple:
        return isinstance(value, list | tuple) and _items_fit(value, inner)
    if origin in _ARRAYS or wanted in _ARRAYS:
        return isinstance(value, list | tuple) and all(_fits(item, inner[0]) for item in value if inner)
    if origin in _TABLES or wanted in _TABLES:
        return isinstance(value, dict)
    if isinstance(wanted, Hashable) and wanted in _PLAIN:
        return _PLAIN[wanted](value)
    if isinstance(wanted, type) and issubclass(wanted, torch.Tensor | torch.nn.Module):
        return not isinstance(value, bool | int | float | str | list | dict)
    return True


def _items_fit(value: list[Any] | tuple[Any, ...], inner: tuple[Any, ...]) -> bool:
    if not inner:
        return True
    if len(inner) == 2 and inner[1] is Ellipsis:
        return all(_fits(item, inner[0]) for item in value)
    return len(value) == len(inner) and all(map(_fits, value, inner))


_ARRAYS: tuple[Any, ...] = (list, set, frozenset, collections.abc.Sequence, collections.abc.MutableSequence)
_ARRAYS += (collections.abc.Collection,)
_TABLES: tuple[Any, ...] = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_PLAIN: dict[Any, Callable[[Any], bool]] = {
    bool: lambda value: isinstance(value, bool),
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    str: lambda value: isinstance(value, str),
    Path: lambda value: isinstance(value, str | os.PathLike),
    os.PathLike: lambda value: isinstance(value, str | os.PathLike),
    None: lambda value: value is None,
    type(None): lambda value: value is None,
}
_SPOKEN = {bool: "true or false", int: "an integer", float: "a number", str: "a string", Path: "a path"}


def _spoken(wanted: Any) -> str:
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (Union, types.UnionType):
        kinds = [one for one in inner if one is not type(None)]
        plain = [one for one in kinds if one in _SPOKEN or typing.get_origin(one)]
        return " or ".join(dict.fromkeys(map(_spoken, plain or kinds)))
    if origin is Literal:
        return " or ".join(map(_spelled, inner))
    if origin is tuple and inner and Ellipsis not in inner:
        return f"an array of {len(inner)}"
    if origin is tuple or wanted is tuple or origin in _ARRAYS or wanted in _ARRAYS:
        return "an array"
    if origin in _TABLES or wanted in _TABLES:
        return "a table"
    if isinstance(wanted, type) and wanted not in _SPOKEN:
        return f"a {wanted.__name__} (a component of its own, with use)"
    return _SPOKEN.get(wanted, str(wanted))


def _outside(value: Any, allowed: Allowed) -> str | None:
    """What a card's range says against a value."""
    if allowed.one_of and value not in allowed.one_of:
        return f"expected {' or '.join(map(_spelled, allowed.one_of))}, got {_spelled(value)}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    low, high = allowed.low, allowed.high
    if (low is None or value >= low) and (high is None or value <= high):
        return None
    limits = f"from {low:g} to {high:g}" if low is not None and high is not None else ""
    limits = limits or (f"{low:g} or more" if low is not None else f"{high:g} or less")
    what = f" ({allowed.what})" if allowed.what else ""
    return f"expected {limits}{what}, got {spell(value)}"


# ---- values


def _shaped(value: Any, parameter: inspect.Parameter) -> Any:
    if parameter.annotation is _MISSING or isinstance(parameter.annotation, str):
        return tuple(value) if isinstance(value, list) and isinstance(parameter.default, tuple) else value
    return _as_wanted(value, parameter.annotation)


def _as_wanted(value: Any, wanted: Any) -> Any:
    """A list as the tuple that an annotation asks for, tuples in tuples too; as it is where a list will do."""
    if isinstance(value, str) and wanted is Path:
        return Path(value)
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (Union, types.UnionType):
        fitting = [one for one in inner if _fits(value, one)]
        return _as_wanted(value, fitting[0]) if fitting else value
    if not isinstance(value, list):
        return value
    if origin is tuple or wanted is tuple:
        kinds = [inner[0]] * len(value) if len(inner) == 2 and inner[1] is Ellipsis else inner
        return tuple(map(_as_wanted, value, kinds)) if len(kinds) == len(value) else tuple(value)
    if origin in _ARRAYS and inner:
        return [_as_wanted(item, inner[0]) for item in value]
    return value


def _is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(type(key) is str for key in value) and all(map(_is_plain, value.values()))
    if type(value) is int:
        return -_INTEGER_LIMIT <= value < _INTEGER_LIMIT
    return type(value) in (bool, float, str)


def _as_toml(value: Any) -> Any:
    if type(value) in (list, tuple):
        return [_as_toml(item) for item in value]
    return {key: _as_toml(inner) for key, inner in value.items()} if type(value) is dict else value
