"""Take a run of this clone's own off the local branch, or a commit that is none, as long as nobody else has it.

What came after it is written once more on other parents, with the same words, dates and people; what was said of the
run goes with it. A run's bytes stay in the object store until `gitexp data gc`, its commits until git's own gc.
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
from gitexp.git.repo import PULL, Repo, is_ancestor, output, ref_id
from gitexp.git.rewriting import rewrite
from gitexp.git.standing import branch_ref, given_ref
from gitexp.git.trailers import logged, value_of
from gitexp.history.cache import forget_cache
from gitexp.history.row import Row
from gitexp.record.identity import ABOUT_TRAILER, EVENT_TRAILER, RUN_TRAILER
from gitexp.redact import redact

PATIENCE_S = 10.0
NAMING = ("run.toml", "verdict.toml")  # files of a record that may name another
_FIELDS = ("%H", "%P", *map(value_of, (RUN_TRAILER, ABOUT_TRAILER, EVENT_TRAILER)), "%s")
WHY_NOT = "It stays in the history: others may have it, or build on it."


class _Commit(NamedTuple):
    oid: str
    parents: Sequence[str]
    run: str  # empty: it is an event, or was made by hand
    about: str
    event: str
    subject: str


class Dropped(NamedTuple):
    """What went, the branch's tip before and after, how many events went with a run, how much was written once more."""

    what: str
    before: str
    after: str
    events: int
    rewritten: int
    unsigned: int  # of these, that were signed
    elsewhere: Sequence[str]  # refs that have the run all the same


def drop(clone: Clone, attempts: Sequence[Row]) -> Dropped:
    """Take a run off the branch, all its attempts. Raises GitexpError, and as `advance` does."""
    oldest = min(attempts, key=lambda one: one.attempt)
    commits = [oldest.commit, *(one.commit for one in attempts if one is not oldest)]
    return _drop(clone, commits, run=oldest.id, what=f"Run {oldest.id}", why="Dropping a run moves it")


def drop_commit(clone: Clone, commit: str) -> Dropped:
    """Take an event, or what somebody committed by hand, off the branch. Raises as `drop` does."""
    return _drop(clone, [commit], run="", what=f"Commit {commit[:10]}", why="Dropping a commit moves it")


def _drop(clone: Clone, commits: Sequence[str], *, run: str, what: str, why: str) -> Dropped:
    """`commits`: the oldest first, all of one run where there is one."""
    repo, branch = clone.repo, clone.config.branch
    require_not_checked_out(repo, branch, why=why)
    name = run
    events = rewritten = unsigned = 0

    def follow(tip: str | None) -> Next:
        nonlocal name, events, rewritten, unsigned
        known = _unshared(repo, [tip], without=f"{commits[0]}^@") if tip else {}
        for commit in commits:
            if commit not in known:
                raise _shared(repo, commit, branch=branch, run=run, what=what)
        if not run:
            [one] = (known[commit] for commit in commits)
            name = f"{one.oid[:10]} ({_shown(one.subject)})"
            _require_no_loss(repo, one)
        gone = {one.oid for one in known.values() if one.oid in commits or (run and run in (one.run, one.about))}
        behind: dict[str, _Commit] = {}
        for one in known.values():  # each after its parents
            if one.oid not in gone and any(parent in gone or parent in behind for parent in one.parents):
                behind[one.oid] = one
        order = [oid for oid in known if oid in gone or oid in behind]
        own = written_here(repo, branch)
        for oid in order:
            if oid not in own and (known[oid].run or known[oid].event):
                raise _refused(what, run, known[oid], "did not come about in this clone, as far as its reflog goes")
        _require_unnamed(repo, [*behind.values()], gone, run=run, what=what)
        events, rewritten = sum(not known[oid].run for oid in gone if run), len(behind)
        new = rewrite(repo, order, without=gone)
        unsigned = new.unsigned
        assert tip is not None
        return Next(tip, new.ids[tip], (), lambda: new.store(repo), known[order[0]].parents[0])

    moved = advance(repo, branch, follow, why=f"{DROPPED}{run or commits[0][:10]}", patience_s=PATIENCE_S)
    forget_cache(repo, branch_ref(branch))  # it has what the run said
    maintain(repo)
    assert moved.tip is not None
    refs = output(repo, "for-each-ref", "--format=%(refname)", f"--contains={commits[0]}")
    return Dropped(name, moved.tip, moved.commit, events, rewritten, unsigned, refs.decode(errors="replace").split())


def _unshared(repo: Repo, tips: Sequence[str], *, without: str) -> dict[str, _Commit]:
    """What these have and `without` has not, and nobody else, as far as is known here; each after its parents."""
    elsewhere = ("--not", without, "--remotes", "--glob=" + given_ref("*"), "--")
    found = logged(repo, _FIELDS, "--reverse", "--topo-order", *tips, *elsewhere)
    if found is None:
        raise GitexpError("It cannot be told what came after it: commits are missing here, or damaged", fix=PULL)
    return {oid: _Commit(oid, parents.split(), *told) for oid, parents, *told in found}


def _shown(subject: str) -> str:
    """Its first words, without the secret for which it may go."""
    return redact(subject.encode("utf-8", "surrogateescape"), secrets=()).decode("utf-8", "replace")[:60]


def _require_no_loss(repo: Repo, one: _Commit) -> None:
    """Raises GitexpError where this commit alone puts runs on the branch that nobody else has."""
    others = _unshared(repo, one.parents[1:], without=one.parents[0]) if len(one.parents) > 1 else {}
    if not one.parents or any(other.run or other.event for other in others.values()):
        what = "it brought runs together" if others else "the branch begins with it"
        raise GitexpError(f"Commit {one.oid[:10]} cannot be dropped: {what}")


def _shared(repo: Repo, commit: str, *, branch: str, run: str, what: str) -> GitexpError:
    refs = output(repo, "for-each-ref", "--format=%(refname:short)", f"--contains={commit}", "refs/remotes")
    where = refs.decode(errors="replace").split()
    given, instead = given_ref(branch), [_instead(run)] if run else []
    how = f"is on {where[0]}" if where else f"is not on {branch}, but elsewhere"
    if not where and ref_id(repo, given) and is_ancestor(repo, commit, given):
        how = "went into a bundle, or to a server that is no remote"
        instead.append(f"git update-ref -d {shlex.quote(given)}    and drop it again, where nobody took it")
    return GitexpError(f"{what} {how}", why=WHY_NOT, fix="\n".join(instead))


def _refused(what: str, run: str, one: _Commit, how: str) -> GitexpError:
    after = "it" if one.oid[:10] in what else f"What came after it ({_shown(one.subject)}, commit {one.oid[:10]})"
    named = f"Run {one.run}" if one.run else after
    return GitexpError(f"{what} cannot be dropped: {named} {how}", why=WHY_NOT, fix=_instead(run) if run else "")


def _instead(run: str) -> str:
    return f'gitexp retract {run} --why "…"    # it counts no more'


def _require_unnamed(repo: Repo, behind: Sequence[_Commit], gone: Collection[str], *, run: str, what: str) -> None:
    """Raises GitexpError where what is to stay names the run, or a commit that is about to get another id."""
    pattern = re.compile("|".join([*filter(None, [run]), *gone, *(one.oid for one in behind)]).encode())
    with ObjectReader(repo) as reader:
        for one in behind:
            texts = [reader.read(one.oid) or b""]
            texts[0] = texts[0].partition(b"\n\n")[2]  # its header names its parents
            texts += [reader.read(f"{one.oid}:{name}") or b"" for name in NAMING if one.run]
            if any(pattern.search(text) for text in texts):
                raise _refused(what, run, one, "names it, or what would have to be written anew")
