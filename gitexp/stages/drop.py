"""Take a run of this clone's own off the local branch, as long as nobody else has it.

What came after it is written once more on other parents, with the same words, dates and people; what was said of the
run goes with it. Its bytes stay in the object store until `gitexp data gc`, its commits until git's own gc.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from typing import NamedTuple

from gitexp.clone import Clone
from gitexp.errors import GitexpError
from gitexp.git.append import DROPPED, Next, advance, written_here
from gitexp.git.branch import maintain, require_not_checked_out
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo, is_ancestor, output, ref_id
from gitexp.git.rewriting import rewrite
from gitexp.git.standing import branch_ref, given_ref
from gitexp.git.trailers import value_of
from gitexp.history.cache import forget_cache
from gitexp.history.row import Row
from gitexp.record.identity import ABOUT_TRAILER, RUN_TRAILER

PATIENCE_S = 10.0
NAMING = ("run.toml", "verdict.toml")  # files of a record that may name another
WHY_NOT = "It stays in the history: others may have it, or build on it."


class _Commit(NamedTuple):
    oid: str
    parents: Sequence[str]
    run: str  # empty: it is an event
    about: str
    subject: str


class Dropped(NamedTuple):
    """The tip of the branch before and after, how many events went with the run, how much was written once more."""

    before: str
    after: str
    events: int
    rewritten: int
    unsigned: int  # of these, that were signed
    elsewhere: Sequence[str]  # refs that have the run all the same


def drop(clone: Clone, attempts: Sequence[Row]) -> Dropped:
    """Take a run off the branch, all its attempts. Raises GitexpError, and as `advance` does."""
    repo, branch, run = clone.repo, clone.config.branch, attempts[0].id
    require_not_checked_out(repo, branch, why="Dropping a run moves it")
    events = rewritten = unsigned = 0
    oldest = min(attempts, key=lambda one: one.attempt)

    def follow(tip: str | None) -> Next:
        nonlocal events, rewritten, unsigned
        known = _unshared(repo, tip, since=oldest.commit) if tip else {}
        for attempt in attempts:
            if attempt.commit not in known:
                raise _shared(repo, attempt, branch=branch)
        gone = {one.oid for one in known.values() if run in (one.run, one.about)}
        behind: dict[str, _Commit] = {}
        for one in known.values():  # each after its parents
            if one.oid not in gone and any(parent in gone or parent in behind for parent in one.parents):
                behind[one.oid] = one
        order = [oid for oid in known if oid in gone or oid in behind]
        own = written_here(repo, branch)
        for oid in order:
            if oid not in own:
                raise _refused(run, known[oid], "did not come about in this clone, as far as its reflog goes")
        _require_unnamed(repo, [*behind.values()], gone, run=run)
        events, rewritten = sum(not known[oid].run for oid in gone), len(behind)
        new = rewrite(repo, order, without=gone)
        unsigned = new.unsigned
        assert tip is not None
        return Next(tip, new.ids[tip], (), lambda: new.store(repo), known[order[0]].parents[0])

    moved = advance(repo, branch, follow, why=f"{DROPPED}{run}", patience_s=PATIENCE_S)
    forget_cache(repo, branch_ref(branch))  # it has what the run said
    maintain(repo)
    assert moved.tip is not None
    refs = output(repo, "for-each-ref", "--format=%(refname)", f"--contains={attempts[0].commit}")
    return Dropped(moved.tip, moved.commit, events, rewritten, unsigned, refs.decode(errors="replace").split())


def _unshared(repo: Repo, tip: str, *, since: str) -> dict[str, _Commit]:
    """The commits of the branch that nobody else has, as far as is known here, from `since` on; after their parents."""
    told = (f"%x1f{value_of(key)}" for key in (RUN_TRAILER, ABOUT_TRAILER))
    asked = ("--no-show-signature", "--reverse", "--topo-order", f"--format=%H%x1f%P{''.join(told)}%x1f%s")
    found = {}
    for text in (
        output(repo, "log", *asked, tip, "--not", f"{since}^@", "--remotes", "--glob=" + given_ref("*"), "--")
        .decode("utf-8", "replace")
        .split("\n")
    ):
        if text:
            oid, parents, run, about, subject = text.split("\x1f", 4)
            found[oid] = _Commit(oid, parents.split(), run, about, subject)
    return found


def _shared(repo: Repo, one: Row, *, branch: str) -> GitexpError:
    refs = output(repo, "for-each-ref", "--format=%(refname:short)", f"--contains={one.commit}", "refs/remotes")
    where = refs.decode(errors="replace").split()
    given, instead = given_ref(branch), _instead(one.id)
    what = f"is on {where[0]}" if where else f"is not on {branch}, but elsewhere"
    if not where and ref_id(repo, given) and is_ancestor(repo, one.commit, given):
        what = "went into a bundle, or to a URL that is no remote"
        instead += f"\ngit update-ref -d {shlex.quote(given)}    and drop it again, where nobody took it"
    return GitexpError(f"Run {one.id} {what}", why=WHY_NOT, fix=instead)


def _refused(run: str, one: _Commit, what: str) -> GitexpError:
    named = f"Run {one.run}" if one.run else f"What came after it ({one.subject[:40]}, commit {one.oid[:10]})"
    return GitexpError(f"Run {run} cannot be dropped: {named} {what}", why=WHY_NOT, fix=_instead(run))


def _instead(run: str) -> str:
    return f'gitexp retract {run} --why "…"    # it counts no more'


def _require_unnamed(repo: Repo, behind: Sequence[_Commit], gone: Collection[str], *, run: str) -> None:
    """Raises GitexpError where what is to stay names the run, or a commit that is about to get another id."""
    pattern = re.compile("|".join([run, *gone, *(one.oid for one in behind)]).encode())
    with ObjectReader(repo) as reader:
        for one in behind:
            texts = [reader.read(one.oid) or b""]
            texts[0] = texts[0].partition(b"\n\n")[2]  # its header names its parents
            texts += [reader.read(f"{one.oid}:{name}") or b"" for name in NAMING if one.run]
            if any(pattern.search(text) for text in texts):
                raise _refused(run, one, "names it, or what would have to be written anew")
