"""Put values into a command: {key.path}, {data.NAME} and {seed} stand for them; {{ and }} are literal braces.

Scalars take TOML's spelling and strings stand as they are. An array that is a whole element becomes that many elements.
What a value holds is never looked at for placeholders again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitexp.text.schema import KeyPath, dotted, leaves, near, quoted, scalar, split_key

Part = str | KeyPath


class Misplaced(Exception):
    """A placeholder that cannot be filled; the text is the end of an error line."""


def fill(
    command: Sequence[str], *, values: Mapping[str, Any], seed: int | None, data_paths: Mapping[str, str]
) -> Iterator[list[str] | Misplaced]:
    """For each element of the command the arguments it becomes, or what is wrong with it."""
    for element in command:
        try:
            parts = parse(element)
            if len(parts) == 1 and isinstance(parts[0], tuple):
                yield _elements(parts[0], values, seed, data_paths)
            else:
                yield ["".join(p if isinstance(p, str) else _inside(p, values, seed, data_paths) for p in parts)]
        except Misplaced as misplaced:
            yield misplaced


def fill_value(text: str, *, values: Mapping[str, Any], seed: int | None, data_paths: Mapping[str, str]) -> Any:
    """A component's argument: a placeholder that is all of it has its value's own type. Raises Misplaced."""
    parts = parse(text)
    if len(parts) == 1 and isinstance(parts[0], tuple):
        return _value(parts[0], values, seed, data_paths)
    return "".join(part if isinstance(part, str) else _inside(part, values, seed, data_paths) for part in parts)


def escape(argument: str) -> str:
    """An argument as a command element that means exactly this argument."""
    return argument.replace("{", "{{").replace("}", "}}")


def parse(element: str) -> list[Part]:
    """Literal text and key paths, in order. Raises Misplaced."""
    parts: list[Part] = []
    literal = ""
    index = 0
    while index < len(element):
        char = element[index]
        if char in "{}" and element[index + 1 : index + 2] == char:
            literal += char
            index += 2
        elif char == "}":
            raise Misplaced(f"a }} that closes nothing in {quoted(element)}; a literal one is written }}}}")
        elif char == "{":
            end = element.find("}", index)
            if end < 0:
                raise Misplaced(f"a {{ that is never closed in {quoted(element)}; a literal one is written {{{{")
            inner = element[index + 1 : end]
            path = split_key(inner)
            if path is None:
                raise Misplaced(f"{{{quoted(inner)[1:-1]}}} is no key path; literal braces are written {{{{ and }}}}")
            if literal:
                parts.append(literal)
                literal = ""
            parts.append(path)
            index = end + 1
        else:
            literal += char
            index += 1
    return [*parts, literal] if literal or not parts else parts


def _elements(path: KeyPath, values: Mapping[str, Any], seed: int | None, data_paths: Mapping[str, str]) -> list[str]:
    value = _value(path, values, seed, data_paths)
    if not isinstance(value, list):
        return [scalar(value)]
    if any(isinstance(item, list | dict) for item in value):
        raise Misplaced(f"{{{dotted(path)}}} is an array of arrays or tables, which is no list of arguments")
    return [_argument(item, path) for item in value]


def _inside(path: KeyPath, values: Mapping[str, Any], seed: int | None, data_paths: Mapping[str, str]) -> str:
    value = _value(path, values, seed, data_paths)
    if isinstance(value, list):
        raise Misplaced(f"{{{dotted(path)}}} is an array: it can only be an element of its own, with nothing around it")
    return scalar(value)


def _argument(value: Any, path: KeyPath) -> str:
    argument = scalar(value)
    if "\0" in argument:
        raise Misplaced(f"{{{dotted(path)}}} holds a NUL character, which no argument can")
    return argument


def _value(path: KeyPath, values: Mapping[str, Any], seed: int | None, data_paths: Mapping[str, str]) -> Any:
    if path == ("seed",):
        if seed is None:
            raise Misplaced("{seed} has no value: type --seed 1, or write seed = 1 at the top of the recipe")
        return seed
    if path[0] == "data":
        if len(path) == 2 and path[1] in data_paths:
            return data_paths[path[1]]
        hint = near(dotted(path), [f"data.{name}" for name in data_paths])
        raise Misplaced(f"{{{dotted(path)}}} is no dataset of this recipe{hint}")
    if path == ("run", "command"):
        raise Misplaced("{run.command} would stand for itself")
    value: Any = values
    for part in path:
        if not isinstance(value, dict) or part not in value:
            known = [dotted(at) for at, _ in leaves(dict(values))]
            hint = near(dotted(path), known) or "; literal braces are written {{ and }}"
            raise Misplaced(f"{{{dotted(path)}}} is no key of this recipe{hint}")
        value = value[part]
    if isinstance(value, dict):
        raise Misplaced(f"{{{dotted(path)}}} is a table; name one of its keys")
    if not isinstance(value, list):
        _argument(value, path)
    return value
