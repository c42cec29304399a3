"""The components that a recipe names: found, allowed, and their arguments held against their signatures.

Nothing is built yet, so that everything wrong is said at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gitexp.errors import GitexpError
from gitexp.spec.assembly import components_in, filled
from gitexp.spec.card import Card, fits_on_problem, version_problem
from gitexp.spec.fields import FieldSpec, placed
from gitexp.spec.placeholders import Misplaced
from gitexp.spec.recipe_shape import DEFAULT_USE, RESERVED
from gitexp.text.schema import KeyPath, Problem, dotted
from gitexp.training.job import Job
from gitexp.training.joining.arguments import argument_problems, defaults_of, ready
from gitexp.training.joining.blame import Unusable, blame
from gitexp.training.joining.leaks import leaked_datasets
from gitexp.training.joining.names import Resolved, card_of, resolve_use

SUPPLIED = {"optimizer": 1, "scheduler": 1}  # leading arguments that gitexp gives: parameters; the optimizer


class Part(NamedTuple):
    """One component of a recipe, not built yet."""

    path: KeyPath
    use: str
    resolved: Resolved
    card: Card | None
    arguments: Mapping[str, Any]  # placeholders filled; a nested component is still a table

    @property
    def name(self) -> str:
        """`model`, `preprocess.scale`."""
        return dotted(self.path)

    @property
    def version(self) -> str:
        """Of its contract; empty where it states none."""
        return self.card.version if self.card else ""


def unversioned(parts: Mapping[KeyPath, Part], recipe: Mapping[str, Any]) -> list[str]:
    """A sentence for each contract that nobody can check, because the component states no version. Shapes still are."""
    typed = dict(components_in(recipe))
    return [
        f"{part.name}: {part.use} states no contract version; the recipe is written for {typed[path]['contract']}"
        for path, part in parts.items()
        if "contract" in typed[path] and not part.version
    ]


class CannotBuild(Exception):
    """A component raised while it was built or used. `problem` is for the user."""

    def __init__(self, path: KeyPath, what: str) -> None:
        super().__init__(what)
        self.problem: Problem = (path, what)


def find_parts(job: Job, *, root: Path) -> tuple[dict[KeyPath, Part], list[Problem]]:
    """Every component by its key path, in slot order, and all that is wrong with them."""
    parts: dict[KeyPath, Part] = {}
    problems: list[Problem] = list(leaked_datasets(job.recipe, job.datasets))
    for path, table in components_in(job.recipe):
        use = table.get("use", DEFAULT_USE.get(path, ""))
        try:
            resolved = resolve_use(use, root=root, imports=job.imports)
            card = card_of(use, root=root)
        except Unusable as error:
            problems.append(((*path, "use"), error.what))
            continue
        except GitexpError as error:
            problems.append(((*path, "use"), "; ".join([error.what, *error.details])))
            continue
        try:
            arguments = {
                key: filled(value, values=job.recipe, seed=job.seed, data_paths=job.data)
                for key, value in table.items()
                if key not in RESERVED
            }
        except Misplaced as misplaced:
            problems.append((path, str(misplaced)))
            continue
        part = Part(path, use, resolved, card, arguments)
        problems += _problems(part, table)
        parts[path] = part
    return parts, problems


def _problems(part: Part, table: Mapping[str, Any]) -> Iterator[Problem]:
    yield from argument_problems(
        part.resolved.callable,
        part.arguments,
        use=part.use,
        path=part.path,
        supplied=SUPPLIED.get(part.path[-1], 0),
        card=part.card,
    )
    if (
        "contract" in table
        and part.version
        and (complaint := version_problem(part.card, table["contract"], use=part.use))
    ):
        yield (*part.path, "contract"), complaint
    if part.path[0] == "preprocess" and (complaint := fits_on_problem(part.card, use=part.use)):
        yield part.path, complaint


def defaults(parts: Mapping[KeyPath, Part], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What took effect though nobody typed it, as a recipe's tables."""
    found: dict[str, Any] = {}
    if "seed" not in recipe:
        found["seed"] = 0
    if "level" not in recipe.get("reproducibility", {}):
        found["reproducibility"] = {"level": "seeded"}
    typed = dict(components_in(recipe))
    for path, part in parts.items():
        values: dict[str, Any] = {}
        if "use" not in typed[path]:
            values["use"] = part.use
        if "contract" not in typed[path] and part.card is not None and part.card.version:
            values["contract"] = part.card.version
        values |= defaults_of(part.resolved.callable, part.arguments, supplied=SUPPLIED.get(path[-1], 0))
        table = found
        for key in path:
            table = table.setdefault(key, {})
        table.update(values)
    return found


def contract_of(part: Part) -> tuple[dict[str, FieldSpec], dict[str, FieldSpec]]:
    """What a component takes and gives, for its arguments; nothing where it has no card."""
    if part.card is None:
        return {}, {}
    skipped = SUPPLIED.get(part.path[-1], 0)
    arguments = {**defaults_of(part.resolved.callable, part.arguments, supplied=skipped), **part.arguments}
    return placed(part.card.takes, arguments), placed(part.card.gives, arguments)


def build(part: Part, parts: Mapping[KeyPath, Part], *supplied: Any, root: Path) -> Any:
    """The component itself, nested ones first. Raises CannotBuild."""
    arguments = {key: _built(value, (*part.path, key), parts, root=root) for key, value in part.arguments.items()}
    try:
        return part.resolved.callable(*supplied, **ready(part.resolved.callable, arguments))
    except Exception as error:
        raise CannotBuild(part.path, f"{part.use} cannot be built: {blame(error, root)}") from error


def _built(value: Any, path: KeyPath, parts: Mapping[KeyPath, Part], *, root: Path) -> Any:
    if path in parts:
        return build(parts[path], parts, root=root)
    if isinstance(value, list):
        return [_built(inner, (*path, str(index)), parts, root=root) for index, inner in enumerate(value)]
    if isinstance(value, dict):
        return {key: _built(inner, (*path, key), parts, root=root) for key, inner in value.items()}
    return value
