"""Join what the components of a recipe declare, end to end, from their cards alone: who would disagree with whom.

What a card does not say is not known, and no disagreement. `gitexp check` sends real shapes through; this is for asking
about components that nobody has put in yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from gitexp.spec.card import Card, fits_on_problem, version_problem
from gitexp.spec.fields import Fields, after, join, named, placed
from gitexp.spec.recipe_shape import SLOTS

JUDGES = ("loss", "eval")  # they take the model's output, and fields beside it


class Part(NamedTuple):
    """A component in its place."""

    key: str  # loader, preprocess.scale, model; a nested one: model.backbone
    slot: str  # preprocess for every step
    use: str
    card: Card | None
    arguments: Mapping[str, Any] = MappingProxyType({})  # as the recipe has them, placeholders filled
    defaults: Mapping[str, Any] = MappingProxyType({})  # of those that it does not give
    contract: str = ""  # the version that the recipe was written for; empty: it does not say

    @property
    def takes(self) -> Fields:
        """What it takes, for its arguments."""
        return placed(self.card.takes, {**self.defaults, **self.arguments}) if self.card else {}

    @property
    def gives(self) -> Fields:
        """What it gives, for its arguments."""
        return placed(self.card.gives, {**self.defaults, **self.arguments}) if self.card else {}


def disagreements(parts: Sequence[Part]) -> Iterator[str]:
    """What neighbours disagree about, a sentence each. `parts` are in the order of their slots."""
    given: Fields | None = None  # None: not known
    giver, output = "loader", None
    for part in parts:
        if part.slot == "loader":
            given = part.gives if part.card and part.card.gives else None
        elif part.slot == "preprocess" and given is not None:
            yield from join(giver, given, part.key, part.takes)
            known = {**part.defaults, **part.arguments}
            removed = [name for word in part.card.removes for name in named(word, known)] if part.card else []
            given = after(given, part.takes, part.gives, removed) if part.card else None
            giver = part.key
        elif part.slot == "model":
            if given is not None and part.takes:
                yield from join(giver, given, "model", part.takes)
            gives = after(given or {}, part.takes, part.gives)
            output = gives.get("output")
        elif part.slot in JUDGES:
            yield from _judged(part, given, giver, {} if output is None else {"output": output})


def _judged(part: Part, given: Fields | None, giver: str, output: Fields) -> Iterator[str]:
    """The output is the model's, every other field that a loss or an eval takes is the last step's."""
    takes = part.takes
    if "output" in takes and output:
        yield from join("model", output, part.key, {"output": takes["output"]})
    others = {name: spec for name, spec in takes.items() if name != "output"}
    if given is not None and others:
        yield from join(giver, given, part.key, others)


def problems_with(candidate: Part, parts: Sequence[Part]) -> list[str]:
    """Why a component would not fit into its slot of a recipe: nothing, as far as cards can say, or a sentence each.

    `candidate` has its defaults, and no arguments. A step fits when there is a place among the recipe's steps where it
    finds what it takes.
    """
    card, use, slot = candidate.card, candidate.use, candidate.slot
    trouble = fits_on_problem(card, use=use)
    if trouble:
        return [trouble]
    if slot == "preprocess":
        return _as_a_step(candidate, parts)
    there = next((part for part in parts if part.key == slot), None)
    asked = version_problem(card, there.contract, use=use) if there is not None else None
    if asked:
        return [asked]
    if there is not None and there.use == use:
        candidate = there
    swapped = [candidate if part.key == slot else part for part in parts]
    if there is None:
        swapped = sorted([*parts, candidate], key=lambda part: SLOTS.index(part.slot))
    known = set(disagreements(parts))
    return [words for words in disagreements(swapped) if words not in known or candidate is there]


def _as_a_step(candidate: Part, parts: Sequence[Part]) -> list[str]:
    places = [number + 1 for number, part in enumerate(parts) if part.slot in ("loader", "preprocess")]
    found: list[str] = []
    for place in places:
        words = disagreements([*parts[:place], candidate])
        found = [one for one in words if one.startswith(f"{candidate.key} expects")]
        if not found:
            break
    return found
