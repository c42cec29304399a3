"""What `gitexp recipe` shows: one recipe with the cards of its components, and the index of all that there are.

Nothing is imported, run or fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.clone import Clone, read_text
from gitexp.errors import GitexpError
from gitexp.spec.assembly import made_of_components
from gitexp.spec.expected import FILE as EXPECTED
from gitexp.spec.expected import Expected, load_expected
from gitexp.spec.fitting import Part, problems_with
from gitexp.spec.recipe import Recipe
from gitexp.spec.recipe_shape import SLOTS
from gitexp.stages.index import Component, Listed, index_components, index_recipes, parts_of
from gitexp.stages.resolve import Request, resolve
from gitexp.text.schema import escaped

NOTICE = "ATTRIBUTION.md"  # as the recipes that ship with gitexp have one beside their data


class RecipeCard(NamedTuple):
    """A recipe, what it is made of, and what it should come to."""

    recipe: Recipe
    parts: tuple[Part, ...]  # empty: it wraps a program
    expected: Expected
    notices: Mapping[str, str]  # dataset → the file beside it that says whose it is


class Fit(NamedTuple):
    """A component, and why it would not fit into the recipe that was asked about."""

    component: Component
    problems: tuple[str, ...] = ()


class Index(NamedTuple):
    """What there is."""

    components: tuple[Fit, ...]
    recipes: tuple[Listed, ...]
    problems: tuple[str, ...]  # cards that are wrong, as `file:line: key: what`


def recipe_card(name: str, *, clone: Clone, cwd: Path) -> RecipeCard:
    """Everything that a recipe and its components say of themselves. Raises Refused."""
    root, notices = clone.repo.root, {}
    recipe = resolve(Request(cwd, name), root=root, config=clone.config)
    for name, ref in recipe.data.items():
        notice = (root / ref.path).parent / NOTICE if ref.path else None
        if notice is not None and notice.is_relative_to(root) and notice.is_file():
            notices[name] = notice.relative_to(root).as_posix()
    return RecipeCard(recipe, tuple(parts_of(recipe, root=root)), read_expected(recipe, root=root), notices)


def read_expected(recipe: Recipe, *, root: Path) -> Expected:
    """The expected.toml beside a recipe that is a folder; expecting nothing where there is none. Raises Refused."""
    if recipe.path is None or not recipe.path.endswith("/recipe.toml"):
        return Expected()  # a file among others: what lies beside it need not be about it
    where = (root / recipe.path).with_name(EXPECTED).relative_to(root).as_posix()
    text = read_text(root, where)
    return Expected() if text is None else load_expected(text, where=escaped(where))


def index(*, slot: str | None, fits: str | None, clone: Clone, cwd: Path) -> Index:
    """Components by slot and name; recipes, where all was asked for. `fits`: a recipe that each is held against."""
    found, problems = index_components(clone.repo)
    found = [one for one in found if slot is None or one.card.slot == slot]
    found.sort(key=lambda one: (SLOTS.index(one.card.slot), one.use.rpartition(":")[2].casefold(), one.use))
    recipes = tuple(index_recipes(clone.repo.root)) if slot is None and fits is None else ()
    parts: Sequence[Part] = ()
    if fits is not None:
        recipe = resolve(Request(cwd, fits), root=clone.repo.root, config=clone.config)
        if not made_of_components(recipe.values):
            raise GitexpError(
                f"{recipe.name} wraps a program, so no component fits into it",
                why="Only a recipe without [run] command is made of components.",
            )
        parts = parts_of(recipe, root=clone.repo.root)
    return Index(
        tuple(Fit(one, tuple(problems_with(_candidate(one), parts)) if fits is not None else ()) for one in found),
        recipes,
        tuple(problems),
    )


def _candidate(one: Component) -> Part:
    slot = one.card.slot
    return Part(one.card.name if slot == "preprocess" else slot, slot, one.use, one.card, defaults=one.defaults)
