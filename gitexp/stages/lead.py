"""A recorded command, which names what lay in another place → the same, led into a new working tree and to its data."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from gitexp.history.inputs import COMMAND, is_command
from gitexp.history.read import Run
from gitexp.record.codepaths import led, root_before
from gitexp.record.environment import table_of
from gitexp.spec.placeholders import escape
from gitexp.spec.recipe import Recipe

MOST_ROOTS = 8  # of one record, which may be anybody's
MOST_PLACES = 500  # of data


class Ground(NamedTuple):
    """Where it is to run. `home`: the working tree of the clone that recorded it itself, whose programs are its own."""

    tree: Path
    cwd: Path
    home: Path | None


def lead(
    recipe: Recipe, runs: Sequence[Run], data: Mapping[str, str], *, ground: Ground
) -> tuple[Recipe, Mapping[str, str]]:
    """The recipe as it is executed, and the paths that were led elsewhere; what is recorded of it stays.

    `runs`: that it is of. `data`: where each dataset lies here.
    """
    tree, home = str(ground.tree), ground.home
    words = [*recipe.command, *recipe.env.values()]
    places = dict.fromkeys([*_roots(runs), *_names(home, words)], tree)
    places |= dict(islice(_of_data(recipe, runs, data, ground), MOST_PLACES))
    found: dict[str, str] = {}

    def moved(word: str, places: Mapping[str, str], *, first: bool = False) -> str:
        def stays(path: str, there: str) -> bool:
            program = first or (home is not None and os.path.isfile(path) and os.access(path, os.X_OK))  # noqa: PTH113
            return program and not os.path.lexists(there)

        word, paths = led(word, places, stays=stays)
        found.update(paths)
        return word

    written = {escape(old): escape(new) for old, new in places.items()}
    command = tuple(moved(word, written, first=not at) for at, word in enumerate(recipe.command))
    env = {name: moved(value, places) for name, value in recipe.env.items()}
    return recipe._replace(command=command, env=env), found


def _roots(runs: Iterable[Run]) -> Iterator[str]:
    """Where the code lay. A rerun's recipe names the folder of the run that it repeats."""
    for run in runs:
        if (record := run.record) and record.root:
            yield record.root
            told = run.recipe_values.get(COMMAND)
            pairs = zip(record.argv, told if told and is_command(told) else (), strict=False)
            before = dict.fromkeys(filter(None, (root_before(*pair, record.root) for pair in pairs)))
            yield from list(before)[:MOST_ROOTS]


def _names(home: Path | None, words: Iterable[str]) -> Iterator[str]:
    """A folder by all names that the words have for it: of a link that leads there, too."""
    if home is None:
        return
    yield str(home)
    for path in (path for word in words for path in re.findall(r"/[^\s'\":;,=]+", word)):
        for place in (Path(path), *Path(path).parents):
            if os.path.isdir(place) and os.path.samefile(place, home):  # noqa: PTH112, PTH121
                yield str(place)


def _of_data(recipe: Recipe, runs: Iterable[Run], data: Mapping[str, str], ground: Ground) -> Iterator[tuple[str, str]]:
    """What a program was told of a dataset's place, absolute or from its folder, and what it is to be told here."""
    for run in runs:
        if (record := run.record) is None:
            continue
        root, stated = record.root or "/", table_of(run.recipe or {}, "data")
        for name, new in data.items():
            entry = stated.get(name)
            own = entry.get("path") if isinstance(entry, Mapping) else entry  # data.toml may say any other
            for path in {own, recipe.data[name].path} if name in recipe.data else ():
                if not isinstance(path, str) or not {".", "/"} & {*path}:  # a name of the catalogue
                    continue
                old = os.path.normpath(os.path.join(root, path))  # noqa: PTH118 -- of another machine
                yield old, new
                before = os.path.relpath(old, os.path.join(root, record.cwd))  # noqa: PTH118
                now = os.path.relpath(new, ground.cwd)
                if now != before:
                    yield before, now if Path(new).is_relative_to(ground.tree) else new
