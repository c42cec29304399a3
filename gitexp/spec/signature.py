"""The defaults of a class's or function's arguments, read from its source. Nothing is imported or executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

_LIMIT = 1 << 20  # characters of a module


def literal_defaults(code: str, name: str) -> dict[str, Any]:
    """What arguments of `name` are when nobody gives them, as far as a number, string, list or table stands there.

    Of a class they are those of its own `__init__`, else the fields with values in its body, as dataclasses have them.
    """
    if len(code) > _LIMIT:
        return {}
    try:
        body = ast.parse(code).body
        for part in name.split("."):
            node = next(one for one in body if getattr(one, "name", None) == part)
            body = getattr(node, "body", [])
    except (SyntaxError, ValueError, RecursionError, MemoryError, StopIteration):
        return {}
    if isinstance(node, ast.ClassDef):
        node = next((one for one in node.body if getattr(one, "name", None) == "__init__"), node)
    pairs = _fields(node) if isinstance(node, ast.ClassDef) else _arguments(node)
    return {argument: _value(default) for argument, default in pairs if _value(default) is not None}


def _arguments(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        args = node.args
        plain = [*args.posonlyargs, *args.args]
        having = [*plain[len(plain) - len(args.defaults) :], *args.kwonlyargs]
        yield from zip([one.arg for one in having], [*args.defaults, *args.kw_defaults], strict=True)


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr | None]]:
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            yield one.target.id, one.value


def _value(default: ast.expr | None) -> Any:
    """A default as a value; None where it is computed, missing or None."""
    try:
        value = None if default is None else ast.literal_eval(default)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return list(value) if isinstance(value, tuple) else value
