"""Find the components of a recipe that no test reaches, by reading the tests; nothing is imported or run.

A component is the user's own when its `use` leads to a file of the repository. It counts as tested when a test in the
recipe's `tests/`, or in `tests/` beside the component's file, names it: the test itself, or a fixture, function or
variable of the same file or of `conftest.py` that the test names. The name may stand in a string, as in
`component("recipes/x/components.py:Net")`; comments and docstrings do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gitexp.errors import GitexpError
from gitexp.regularfile import read_regular
from gitexp.spec.assembly import components_in, files_of
from gitexp.text.schema import dotted

TESTS = "tests"
_TESTED_ELSEWHERE = ("gitexp", "torch")  # even where the repository is theirs


class Own(NamedTuple):
    """A component that a recipe takes from the repository's own files."""

    key: str  # where the recipe names it: model, preprocess.scale
    use: str
    file: str  # posix, relative to the root
    name: str  # of the class or function


def own_components(values: Mapping[str, Any], *, root: Path) -> list[Own]:
    """The components of a recipe that is made of them, as far as they lie in the repository."""
    found = []
    for path, table in components_in(values):
        use = table.get("use", "")
        file = _file_of(use.partition(":")[0], root)
        if file is not None:
            found.append(Own(dotted(path), use, file, use.partition(":")[2].rpartition(".")[2]))
    return found


def _file_of(module: str, root: Path) -> str | None:
    if module.partition(".")[0] in _TESTED_ELSEWHERE:
        return None
    return next((name for name in files_of(module) if (root / name).is_file()), None)


def folders_with_tests(home: Path, components: Iterable[Own], *, root: Path) -> list[Path]:
    """The folders with tests that concern a recipe, as far as they are there: that in its own folder first."""
    beside = [home / TESTS, *((root / one.file).parent / TESTS for one in components)]
    return [folder for folder in dict.fromkeys(beside) if folder.is_dir()]


def untested(components: Sequence[Own], folders: Iterable[Path]) -> list[Own]:
    """The components that no test in these folders names. Raises GitexpError for a test file that is no Python."""
    named: set[str] = set()
    for folder in folders:
        files = [path for path in sorted(folder.rglob("*.py")) if "__pycache__" not in path.parts]
        shared: dict[str, set[str]] = {}
        for path in files:
            if path.name == "conftest.py":
                shared |= _definitions(path)
        for path in files:
            if path.name.startswith("test_") or path.stem.endswith("_test"):
                named |= _reached(shared | _definitions(path))
    return [one for one in components if one.name not in named]


def _definitions(path: Path) -> dict[str, set[str]]:
    """Each name that a test file defines at its top, and the names that its definition mentions."""
    try:
        tree = ast.parse(read_regular(path))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise GitexpError(f"{path} cannot be read as Python: {error}") from error
    found: dict[str, set[str]] = {}
    for node in _top(tree.body):
        mentioned = set(_mentioned(node))
        for name in _defined(node):
            found[name] = found.get(name, set()) | mentioned
    return found


def _top(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements at the top, those under `if` and `try` among them."""
    for node in body:
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from _top([*node.body, *getattr(node, "orelse", []), *getattr(node, "finalbody", [])])
        else:
            yield node


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return []


def _mentioned(node: ast.stmt) -> Iterator[str]:
    """Names, attributes, arguments (which name fixtures), what an import takes, and names in strings."""
    remarks = {id(part.value) for part in ast.walk(node) if isinstance(part, ast.Expr)}  # docstrings, mostly
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr
        elif isinstance(part, ast.arg):
            yield part.arg
        elif isinstance(part, ast.alias):
            yield part.name.rpartition(".")[2]
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and id(part) not in remarks:
            yield part.value.rpartition(":")[2].rpartition(".")[2]


def _reached(definitions: Mapping[str, set[str]]) -> set[str]:
    """Every name that a test mentions, or that something mentions which a test mentions."""
    reached: set[str] = set()
    waiting = [name for name in definitions if name.lower().startswith("test")]
    while waiting:
        name = waiting.pop()
        new = definitions.get(name, set()) - reached
        reached |= new
        waiting += new
    return reached
