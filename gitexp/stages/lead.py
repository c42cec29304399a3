"""A recorded command whose absolute paths led into the code it ran with → the same, led into a new working tree."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gitexp.history.inputs import COMMAND, is_command
from gitexp.history.read import Run
from gitexp.record.codepaths import led_into, root_before
from gitexp.spec.placeholders import escape
from gitexp.spec.recipe import Recipe


def lead(recipe: Recipe, runs: Sequence[Run], *, tree: Path, home: Path | None) -> tuple[Recipe, list[str]]:
    """The recipe as it is executed in `tree`, and the paths that were led there; what is recorded of it stays.

    `runs`: that it is of. `home`: the working tree of the clone that recorded them itself, whose programs are theirs.
    """
    roots = [*_roots(runs), *_names(home, [*recipe.command, *recipe.env.values()])]
    found: list[str] = []

    def led(word: str, to: str, *, first: bool = False) -> str:
        def stays(path: str, there: str) -> bool:
            program = first or (home is not None and os.path.isfile(path) and os.access(path, os.X_OK))  # noqa: PTH113
            return program and not os.path.lexists(there)

        word, paths = led_into(word, roots, to, stays=stays)
        found.extend(paths)
        return word

    command = tuple(led(word, escape(str(tree)), first=not at) for at, word in enumerate(recipe.command))
    env = {name: led(value, str(tree)) for name, value in recipe.env.items()}
    return recipe._replace(command=command, env=env), list(dict.fromkeys(found))


def _roots(runs: Iterable[Run]) -> Iterator[str]:
    """Where the code lay. A rerun's recipe names the folder of the run that it repeats."""
    for run in runs:
        if (record := run.record) and record.root:
            yield record.root
            told = run.recipe_values.get(COMMAND)
            pairs = zip(record.argv, told if told and is_command(told) else (), strict=False)
            yield from filter(None, (root_before(*pair, record.root) for pair in pairs))


def _names(home: Path | None, words: Iterable[str]) -> Iterator[str]:
    """A folder by all names that the words have for it: of a link that leads there, too."""
    if home is None:
        return
    yield str(home)
    for path in (path for word in words for path in re.findall(r"/[^\s'\":;,=]+", word)):
        for place in (Path(path), *Path(path).parents):
            if os.path.isdir(place) and os.path.samefile(place, home):  # noqa: PTH112, PTH121
                yield str(place)
