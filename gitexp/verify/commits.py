"""The commits of a branch as they must be: runs, events and merges on a constant root, each with its parents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from gitexp.git.branch import Tip
from gitexp.git.damage import readable
from gitexp.git.repo import AS_IT_IS, Repo
from gitexp.git.standing import ROOTS
from gitexp.git.trailers import logged, value_of
from gitexp.record.identity import ABOUT_TRAILER, EVENT_TRAILER, RUN_TRAILER

_FIELDS = ("%H", "%T", "%P", "%at", "%ct", "%e", *map(value_of, (RUN_TRAILER, EVENT_TRAILER, ABOUT_TRAILER)))
LONGEST = 200  # characters of a trailer
MERGE = "merge"


class Commit(NamedTuple):
    """A commit by its header and its trailers, which say what it is; dates are in seconds since 1970, 0: none."""

    id: str
    tree: str
    parents: tuple[str, ...]
    authored: int
    committed: int
    encoding: str
    run: str
    event: str
    about: str


def listed(repo: Repo, tips: Sequence[Tip], also: Collection[str]) -> tuple[dict[str, Commit], list[str]]:
    """All commits of these branches, the newest first, and what is the matter where git cannot read them all."""
    wanted = [*dict.fromkeys([*(tip.commit for tip in tips if tip.damage is None), *also])]
    found = _log(repo, wanted, "--topo-order")
    problems = [f"{tip.ref}: {tip.damage}" for tip in tips if tip.damage is not None]
    if found is None or problems:
        problems += [] if found is not None else ["commits are missing or damaged between the newest and the first"]
        some = [oid for tip in tips for oid in readable(repo, tip.ref, tip.commit)]
        found = _log(repo, [*dict.fromkeys([*some, *also])], "--no-walk=unsorted") or {}
    return found, problems


def _log(repo: Repo, revisions: Sequence[str], how: str) -> dict[str, Commit] | None:
    """None: git cannot read one of them. The objects themselves are asked, and no file beside them."""
    if not revisions:
        return {}
    asked = (how, "--stdin")
    found = logged(repo, _FIELDS, *asked, feed=revisions, options=("-c", "core.commitGraph=false"), env=AS_IT_IS)
    if found is None:
        return None
    made = dict[str, Commit]()
    for oid, tree, parents, authored, committed, encoding, *told in found:
        run, event, about = (one.strip()[:LONGEST] for one in told)
        made[oid] = Commit(
            oid, tree, tuple(parents.split()), int(authored or 0), int(committed or 0), encoding, run, event, about
        )
    return made


def shape(one: Commit, commits: Mapping[str, Commit], ends: Collection[str]) -> Iterator[str]:
    """Section 1. `ends`: commits below which nothing was fetched."""
    if one.encoding:
        yield f"must be UTF-8 without an encoding header, which says {one.encoding}"
    if one.run and one.event:
        yield f"has both {RUN_TRAILER} and {EVENT_TRAILER}: it is a run, or says something about one"
    if not one.parents and one.id not in ends:
        yield from [] if one.id in ROOTS else ["is a root, and not the one that all experiments branches share"]
        return
    if not one.run and not one.event:
        yield f"has neither {RUN_TRAILER} nor {EVENT_TRAILER}: it is no run, and says nothing about one"
    wanted = 2 if one.event == MERGE else 1
    if one.id not in ends and len(one.parents) != wanted:
        yield f"has {len(one.parents)} parents, not {wanted}"
    first = commits.get(one.parents[0]) if one.parents else None
    if one.event and not one.run and first is not None and one.tree != first.tree:
        yield "changes the tree: what is no run has that of its first parent"
    if one.event == MERGE and one.about:
        yield f"is a merge with {ABOUT_TRAILER}"
