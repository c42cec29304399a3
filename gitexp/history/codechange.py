"""Say what differs between the code of two runs: files with their changed lines, and the commits in between.

The trees in the records are the truth. The commits are hints, and are named only where this clone has them. Everything
is asked of git's plumbing: no external diff driver or text conversion runs, neither the user's nor one that a record's
.gitattributes chooses.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from gitexp.git.repo import Repo, start
from gitexp.history.read import Run

COMMITS_SHOWN = 20

Process = subprocess.Popen[bytes] | None


class FileChange(NamedTuple):
    """A file that differs. Lines are None for binary files; `old` is the former name of a renamed one."""

    path: str
    added: int | None
    removed: int | None
    old: str | None = None


class CommitBetween(NamedTuple):
    """A commit that only one side's code has."""

    side: str  # a or b
    commit: str
    subject: str


class CodeChange(NamedTuple):
    """`identical` None: a record has no code. `commits` None: the commits are not in this clone."""

    identical: bool | None
    files: tuple[FileChange, ...] = ()
    commits: tuple[CommitBetween, ...] | None = None
    problem: str | None = None  # why the files cannot be listed


class CodeComparison:
    """A comparison under way: git works from construction on, `finish` waits for it."""

    def __init__(self, repo: Repo, a: Run, b: Run) -> None:
        self._runs = a, b
        self._files = _start_files(repo, a, b)
        self._commits = _start_commits(repo, a, b)

    def finish(self) -> CodeChange:
        """What differs, from a to b."""
        a, b = self._runs
        between: tuple[CommitBetween, ...] | None = ()
        if self._commits is not None:
            listing, _ = self._commits.communicate()
            told = self._commits.returncode == 0
            lines = listing.decode("utf-8", "replace").split("\n") if told else []
            sides = {"<": "a", ">": "b"}
            split = [(line[:1], *line[1:].partition(" ")[::2]) for line in lines]
            found = tuple(CommitBetween(sides[m], oid, subject) for m, oid, subject in split if m in sides)
            between = found if told else None
        if a.code is None or b.code is None:
            return CodeChange(None, commits=between, problem="a record has no code/")
        if self._files is None:
            return CodeChange(True, commits=between)
        listing, words = self._files.communicate()
        if self._files.returncode != 0:
            problem = words.decode(errors="replace").strip() or "git could not compare the code"
            return CodeChange(False, commits=between, problem=problem[:300])
        return CodeChange(False, files=tuple(parse_numstat(listing)), commits=between)


def _start_files(repo: Repo, a: Run, b: Run) -> Process:
    if a.code is None or b.code is None or a.code == b.code:
        return None
    args = ("-r", "-z", "-M", "--numstat", "--no-ext-diff", "--no-textconv")
    return start(repo.root, "diff-tree", *args, a.code, b.code)


def _start_commits(repo: Repo, a: Run, b: Run) -> Process:
    old, new = (run.record.code.oid if run.record else None for run in (a, b))  # hints
    if old is None or new is None or old == new:
        return None
    shown = (f"-{COMMITS_SHOWN}", "--left-right", "--format=%m%H %s", "--encoding=UTF-8")
    return start(repo.root, "log", "--no-show-signature", "-s", *shown, f"{old}...{new}", "--")


def parse_numstat(listing: bytes) -> Iterator[FileChange]:
    """The files of `git diff-tree -z --numstat`: added and removed lines, `-` for binary; renames name both paths."""
    items = iter(listing.decode("utf-8", "surrogateescape").split("\0"))
    for item in items:
        if not item:
            continue
        added, removed, path = item.split("\t", 2)
        old = next(items) if not path else None
        yield FileChange(
            path=path or next(items),
            added=int(added) if added.isdigit() else None,
            removed=int(removed) if removed.isdigit() else None,
            old=old,
        )
