"""What datasets were made of: a dataset's ancestors back to the sources, and which of them have moved on since."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import eq
from typing import NamedTuple

from gitexp.errors import Refused
from gitexp.spec.catalogue import DatasetRef

GENERATIONS = 100  # what a record says of ancestors may come from anybody


class Ancestor(NamedTuple):
    """A dataset, and what it was made of. Digests are None where they are not known."""

    name: str
    ref: DatasetRef | None  # None: neither in the catalogue nor in a run
    noted: str | None  # the digest that its child was made from; None for the first
    present: str | None  # what it is now
    parents: tuple[Ancestor, ...] = ()
    again: bool = False  # drawn before; its parents stand there
    stale: bool = False  # it has moved on since its child was made of it
    is_noted: bool = True  # False: a parent of which nobody has noted the version yet


def ancestors(
    name: str,
    datasets: Mapping[str, DatasetRef],
    present: Callable[[str], str | None],
    same: Callable[[str, str], bool] = eq,
) -> Ancestor:
    """A dataset with everything that it comes from. Raises Refused for a cycle.

    `present`: a dataset's digest now; `same`: whether two digests, which may be keyed, are of the same data.
    """
    met: set[str] = set()

    def ancestor(name: str, noted: str | None, below: tuple[str, ...]) -> Ancestor:
        if name in below:
            around = " → ".join([*below[below.index(name) :], name])
            raise Refused(
                f"Dataset {name} is made of itself: {around}",
                why="What a dataset was made of must have been there before it.",
                fix="correct the parents in [datasets.NAME.derived]",
            )
        if len(below) >= GENERATIONS:
            raise Refused(f"Dataset {below[0]} has more than {GENERATIONS} generations of ancestors")
        ref, now = datasets.get(name), present(name)
        stale = noted is not None and now is not None and not same(noted, now)
        node = Ancestor(name, ref, noted, now, stale=stale, is_noted=noted is not None)
        if ref is None or ref.derived is None or not ref.derived.parents:
            return node
        if name in met:
            return node._replace(again=True)
        parents = tuple(ancestor(parent, digest, (*below, name)) for parent, digest in ref.derived.parents.items())
        met.add(name)
        return node._replace(parents=parents)

    return ancestor(name, None, ())._replace(is_noted=True)
