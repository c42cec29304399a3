"""A branch of runs to its problems: every commit, or those that were asked for, each record held against the format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.branch import Tip
from gitexp.git.damage import Checkup
from gitexp.git.repo import Repo, is_partial
from gitexp.git.signatures import signatures
from gitexp.git.standing import ROOTS, cut_at
from gitexp.history.historyfile import Whole
from gitexp.history.read import Run, read_run
from gitexp.record.digests import Oid
from gitexp.record.identity import VERDICT
from gitexp.record.runrecord import RunRecord
from gitexp.text.bounded import LARGEST
from gitexp.verify import growth
from gitexp.verify.commits import Commit, listed, shape
from gitexp.verify.events import KINDS, said
from gitexp.verify.looking import Looking
from gitexp.verify.manifests import Bytes
from gitexp.verify.objects import BLOB, COMMIT, TREE, Absent, Objects
from gitexp.verify.parallel import Part, in_parts
from gitexp.verify.records import Looked, look_at
from gitexp.verify.verdicts import samples, verdict_problems

MOST = 20  # problems of one commit that are told
NO_ORIGINAL = "verdict on a run that is not here, or of a newer format, which was not computed again"
NO_WHOLE = "verdict on histories of which git has samples, which was not computed again"
OTHER_EVENT = "event of a kind that this gitexp does not know"
NO_REFLOG = "branch without a reflog here, to tell whether it only grew"
CUT_OFF = "commit below which nothing was fetched: the clone is shallow"


class Problem(NamedTuple):
    """What is wrong with a commit. `run`: the id of the run that it is; empty: it is none."""

    commit: str
    run: str
    what: str


class Verified(NamedTuple):
    """What was looked at, what is wrong, and how often what could not be looked at."""

    commits: int
    runs: int
    events: int
    problems: list[Problem]
    unseen: Mapping[str, int]
    bytes_checked: int = 0  # objects of the store
    bytes_absent: int = 0
    signatures: Mapping[str, int] = {}  # by state (git/signatures.py)


def verify(
    repo: Repo,
    tips: Sequence[Tip],
    *,
    only: Collection[str] | None = None,
    held: Bytes | None = None,
    whole: Whole | None = None,
    sign: bool = False,
) -> Verified:
    """Hold the commits of these branches, or `only` some of them, against the format.

    `held` and `whole` read the bytes that this clone has outside of git; None: they are not looked at. `sign`: each has
    to be signed by who committed it, as far as this clone knows.
    """
    checkup = Checkup(repo, *(tip.commit for tip in tips)) if only is None and not is_partial(repo) else None
    commits, words = listed(repo, tips, only or ())
    wanted = [one for one in commits.values() if only is None or one.id in only]
    ends, unseen, kept = cut_at(repo), Counter[str](), list[growth.Kept]()
    found = dict[str, list[str]]()

    def begin(objects: Objects) -> Callable[[Sequence[Commit]], Part]:
        return Walk(commits, ends, Looking(objects, is_partial=is_partial(repo), held=held), whole).look

    for part in in_parts(repo, wanted, begin, alone=held is not None):
        found |= part.problems
        unseen += part.unseen
        kept += part.kept
    if only is None:
        unseen[NO_REFLOG] += growth.without_reflog(repo, tips)
        across = growth.set_back(repo, tips, commits), growth.same_keys(kept)
        for commit, what in chain(*across, growth.attempts(kept, cut_off=bool(ends)), growth.other_texts(kept)):
            found.setdefault(commit, []).append(what)
    signed = signatures(repo, [one.id for one in wanted if one.id not in ROOTS])
    for commit, signature in signed.items():
        if signature.state == "bad" or (sign and signature.state != "good"):
            found.setdefault(commit, []).append(f"its signature is {signature.words}")
    lost = [*words, *(checkup.finish() if checkup else ())]
    return Verified(
        commits=len(wanted),
        runs=sum(bool(one.run) for one in wanted),
        events=sum(bool(one.event) and not one.run for one in wanted),
        problems=[*(Problem(tips[0].commit, "", what) for what in lost), *_in_order(wanted, found)],
        unseen=+unseen,
        bytes_checked=held.checked if held else 0,
        bytes_absent=held.absent if held else 0,
        signatures=Counter(one.state for one in signed.values()),
    )


def _in_order(wanted: Sequence[Commit], found: Mapping[str, list[str]]) -> Iterator[Problem]:
    """As the commits come, and behind them what is no longer on the branch."""
    runs = {one.id: one.run for one in wanted}
    for commit in (*runs, *(oid for oid in found if oid not in runs)):
        told = found.get(commit, [])
        more = [f"and {len(told) - MOST:,} more problems"] if len(told) > MOST else []
        yield from (Problem(commit, runs.get(commit, ""), what) for what in (*told[:MOST], *more))


class Walk:
    """The walk through commits: what each is by itself, and what is remembered of it for the others."""

    def __init__(self, commits: Mapping[str, Commit], ends: frozenset[str], at: Looking, whole: Whole | None) -> None:
        self.at = at
        self._commits, self._ends, self._whole = commits, ends, whole
        self._runs = {one.run for one in commits.values() if one.run}
        self._kept: list[growth.Kept] = []

    def look(self, some: Sequence[Commit]) -> Part:
        """Hold these against the format."""
        self._kept, self.at.unseen = [], Counter()
        self._fetch(some)
        problems = {one.id: found for one in some if (found := self._look(one))}
        return Part(problems, self._kept, self.at.unseen)

    def _look(self, one: Commit) -> list[str]:
        found = [*shape(one, self._commits, self._ends)]
        if one.id in self._ends:
            self.at.unseen[CUT_OFF] += 1
        if one.run:
            found += self._run(one)
        elif one.event in KINDS:
            found += self.at.told("its commit", partial(self._event, one), named=True)
        elif one.event:
            self.at.unseen[OTHER_EVENT] += 1
        return found

    def _fetch(self, some: Sequence[Commit]) -> None:
        """What these records hold, code/ aside: many objects at once, folder by folder."""
        objects = self.at.objects
        objects.forget()
        wanted = {one.id: COMMIT for one in some} | {one.tree: TREE for one in some if one.run}
        folders = [one.tree for one in some if one.run]
        for depth in range(3):  # the record, data/, a manifest in parts
            objects.fetch(wanted)
            wanted, below = {}, list[str]()
            for folder in folders:
                try:
                    inner = objects.tree(folder)
                except Absent:
                    continue
                for mode, name, oid in inner:
                    if mode == "40000" and not (depth == 0 and name == "code") and depth < 2:
                        below.append(oid)
                    elif mode == "100644" and depth < 2:
                        wanted[oid] = BLOB
            folders = [*dict.fromkeys(below)]
            wanted |= dict.fromkeys(folders, TREE)
        objects.fetch(wanted)

    def _run(self, one: Commit) -> list[str]:
        looked = look_at(one, self.at)
        if looked.run is None or looked.tree is None:
            return looked.problems
        self._kept.append(_kept(one, looked.run, looked))
        judged = self.at.told(VERDICT, partial(self._verdict, one)) if VERDICT in looked.tree.files else []
        return [*looked.problems, *judged]

    def _verdict(self, one: Commit) -> Iterator[str]:
        reader = self.at.objects.reader
        rerun = read_run(reader, one.id)
        yield from verdict_problems(reader, rerun, self._original(rerun), self._whole)

    def _original(self, rerun: Run) -> Run | None:
        """The run that a verdict is about; None where it cannot be computed again from what is here."""
        reader, said = self.at.objects.reader, rerun.verdict
        if said is None:
            return None
        commit = Oid(said.commit).digits
        try:
            original = read_run(reader, commit) if reader.find(f"{commit}^{{commit}}", limit=0) else None
        except GitexpError:
            original = None
        if original is None:
            self.at.unseen[NO_ORIGINAL] += 1
            return None
        if self._whole is None and samples(original, rerun):
            self.at.unseen[NO_WHOLE] += 1
            return None
        return original

    def _event(self, one: Commit) -> Iterator[str]:
        raw = self.at.objects.read(one.id, COMMIT, limit=LARGEST)
        found = said(one, raw.partition(b"\n\n")[2].decode("utf-8", "replace"), len(raw))
        yield from found.problems
        lacking = [run for run in found.runs if run and run not in self._runs]
        if lacking and not self._ends:
            yield f"is about {lacking[0][:40]!r}, and no such run is on the branch"
        replaced = self._commits.get(found.instead)
        if found.instead and not self._ends and (replaced is None or replaced.event != "decision"):
            yield f"replaces {found.instead[:40]!r}, and no such decision is on the branch"


def _kept(one: Commit, run: RunRecord, looked: Looked) -> growth.Kept:
    assert looked.tree is not None
    files, wrote = looked.tree.files, run.gitexp
    sound = wrote is not None and wrote.commit is not None and not wrote.changed
    return growth.Kept(
        commit=one.id,
        id=run.id,
        attempt=run.attempt,
        status=run.status,
        code=looked.tree.code,
        recipe=files.get("recipe.toml", ""),
        data=looked.data,
        texts=(files.get("README.md", ""), files.get("FORMAT.md", "")),
        recorder=(wrote.version if wrote else "", str(wrote.commit) if wrote and sound else ""),
    )
