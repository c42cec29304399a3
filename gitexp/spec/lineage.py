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
    return _ancestor(name, None, datasets, _Now(present, same), (), set())._replace(is_noted=True)


class _Now(NamedTuple):
    present: Callable[[str], str | None]
    same: Callable[[str, str], bool]


def _ancestor(
    name: str,
    noted: str | None,
    datasets: Mapping[str, DatasetRef],
    now: _Now,
    below: tuple[str, ...],
    met: set[str],
) -> Ancestor:
    if name in below:
        around = " → ".join([*below[below.index(name) :], name])
        raise Refused(
            f"Dataset {name} is made of itself: {around}",
            why="What a dataset was made of must have been there before it.",
            fix="correct the parents in [datasets.NAME.derived]",
        )
    if len(below) >= GENERATIONS:
        raise Refused(f"Dataset {below[0]} has more than {GENERATIONS} generations of ancestors")
    ref = datasets.get(name)
    present = now.present(name)
    stale = noted is not None and present is not None and not now.same(noted, present)
    node = Ancestor(name, ref, noted, present, stale=stale, is_noted=noted is not None)
    if ref is None or ref.derived is None or not ref.derived.parents:
        return node
    if name in met:
        return node._replace(again=True)
    parents = tuple(
        _ancestor(parent, digest, datasets, now, (*below, name), met) for parent, digest in ref.derived.parents.items()
    )
    met.add(name)
    return node._replace(parents=parents)
