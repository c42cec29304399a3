"""What only a whole branch shows: that it only grew, one commit for each key, attempts that follow, texts alike."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from gitexp.git.append import DROPPED
from gitexp.git.branch import Tip
from gitexp.git.damage import reflog
from gitexp.git.repo import Repo, start
from gitexp.verify.commits import Commit

MOST_MOVES = 200  # of a reflog that are asked about, where it was set back


class Kept(NamedTuple):
    """What is remembered of a run's record, to hold others against it."""

    commit: str
    id: str
    attempt: int
    status: str
    code: str | None
    recipe: str
    data: tuple[str, ...]  # digests
    texts: tuple[str, str]  # ids of README.md and FORMAT.md
    recorder: tuple[str, str]  # version and commit of the gitexp that wrote them; no commit: it cannot be told


def set_back(repo: Repo, tips: Sequence[Tip], commits: Mapping[str, Commit]) -> Iterator[tuple[str, str]]:
    """Section 1: a ref only ever moves from a tip to a child of it, by the reflogs here. Commits, and what of them.

    What a server has lost is named though this clone, or another server, has it: it comes back by a push.
    """
    for tip in tips:
        has = commits if tip.damage is not None else _reached(tip.commit, commits)
        moves = reflog(repo, tip.ref)
        lost = ((new, old) for new, old in pairwise(moves) if old.commit not in has)
        for newer, older in islice(lost, MOST_MOVES):
            grew = start(repo.root, "merge-base", "--is-ancestor", older.commit, newer.commit)
            grew.communicate()
            if grew.returncode != 0 and not newer.why.startswith(DROPPED):
                yield older.commit, f"is no longer in {tip.ref}, which was set back from it: {newer.why[:100]}"


def _reached(tip: str, commits: Mapping[str, Commit]) -> Collection[str]:
    found, todo = set[str](), [tip]
    while todo:
        one = todo.pop()
        if one in commits and one not in found:
            found.add(one)
            todo += commits[one].parents
    return found


def without_reflog(repo: Repo, tips: Sequence[Tip]) -> int:
    """Of how many of these branches nobody here knows where they were."""
    return sum(not reflog(repo, tip.ref) for tip in tips)


def same_keys(runs: Sequence[Kept]) -> Iterator[tuple[str, str]]:
    """Section 1, identity: two different commits under one key are a conflict."""
    first = dict[tuple[str, int], Kept]()
    for one in runs:
        other = first.setdefault((one.id, one.attempt), one)
        if other is not one:
            yield one.commit, f"has the id and attempt of {other.commit[:12]}: one of them was not written by that run"


def attempts(runs: Sequence[Kept], *, cut_off: bool) -> Iterator[tuple[str, str]]:
    """Section 1, identity: the next attempt has the same code, recipe and data, and a number that is one higher."""
    known = {(one.id, one.attempt): one for one in runs}
    for one in runs:
        before = known.get((one.id, one.attempt - 1))
        if one.attempt > 1 and before is None and not cut_off:
            yield one.commit, f"is attempt {one.attempt}, and no attempt {one.attempt - 1} is here"
        elif before is not None:
            other = [what for what in ("code", "recipe", "data") if getattr(one, what) != getattr(before, what)]
            if before.status == "completed":
                yield one.commit, f"goes on with {before.commit[:12]}, which completed"
            if other:
                yield one.commit, f"is attempt {one.attempt} with another {', '.join(other)} than the one before"


def other_texts(runs: Sequence[Kept]) -> Iterator[tuple[str, str]]:
    """Section 3: README.md and FORMAT.md are the same texts in all runs of one gitexp."""
    counts = dict[tuple[str, str], dict[tuple[str, str], int]]()
    for one in runs:
        of = counts.setdefault(one.recorder, {})
        of[one.texts] = of.get(one.texts, 0) + 1
    usual: Mapping[tuple[str, str], tuple[str, str]] = {who: max(of, key=of.__getitem__) for who, of in counts.items()}
    for one in runs:
        if one.recorder[1] and one.texts != usual[one.recorder]:
            yield one.commit, f"has another README.md or FORMAT.md than other runs of gitexp {one.recorder[0]}"
