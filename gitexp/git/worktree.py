"""What state the working tree is in. HEAD, index and files stay as they are.

A survey is several git processes that run at once; every command that needs the tree begins one before anything else.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.repo import (
    Finding,
    Repo,
    failure,
    finish,
    line,
    output,
    said,
    start,
)

_STATUS = (
    "status",
    "--porcelain=v2",
    "--branch",
    "-z",
    "--untracked-files=all",
    "--ignore-submodules=none",
    "--no-renames",
    "--no-ahead-behind",
)


class Change(NamedTuple):
    """One path that differs from HEAD. `code` is git's two letters; `??` untracked, `h ` hidden by a flag."""

    code: str
    path: str
    submodule: bool = False  # one with changes of its own in it; not one that only has another commit checked out

    @property
    def hidden(self) -> bool:
        """Whether `git status` does not show it (assume-unchanged, skip-worktree)."""
        return self.code == "h "


class Head(NamedTuple):
    """HEAD at the time of the survey."""

    commit: str
    tree: str
    subject: str
    branch: str | None  # None: detached


class Surveyed(NamedTuple):
    """A repository and the state of its working tree."""

    repo: Repo
    head: Head
    changes: tuple[Change, ...]
    flagged: tuple[str, ...]  # assume-unchanged, or skip-worktree although the file is there
    author: str  # "Name <email>"
    listing: bytes = b""  # `git ls-files -v -z`
    untracked: tuple[str, ...] = ()  # files that git does not know, if a program is to run
    ignored: frozenset[str] = frozenset()  # files, and whole folders (`runs/`), that it ignores, if one is to run
    own_output: frozenset[str] = frozenset()  # files that our own output goes or went to: changes of nobody's

    @property
    def tracked(self) -> list[str]:
        """Every path of the index."""
        return [os.fsdecode(item[2:]) for item in self.listing.split(b"\0") if item]

    @property
    def clean(self) -> bool:
        """Whether the working tree is exactly HEAD's tree (ignored files aside)."""
        return not self.changes


def _no_commit(repo: Repo) -> GitexpError:
    """HEAD names no commit: what to type depends on whether any branch, here or fetched, has one."""
    ours = repo.settings.get("gitexp.branch", "experiments")
    listing = line(repo, "for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes").split()
    names = [ref.split("/", 2 if ref.startswith("refs/heads/") else 3)[-1] for ref in listing]
    there = [name for name in ("main", "master", *names) if name in names and name not in ("HEAD", ours)]
    if not there:
        return GitexpError(
            f"{repo.root} has no commit yet, so there is no code that a run could name",
            fix='git commit --allow-empty -m "first commit"    (with what you have added by then)',
        )
    return GitexpError(
        f"The branch checked out in {repo.root} has no commit yet, so there is no code that a run could name",
        fix=f"git switch {shlex.quote(there[0])}",
    )


class Survey:
    """Git processes under way. `finish` waits for them. `records`: something will be, by somebody known.

    `runs`: a program will run in that folder, so that what git does not know there is listed too.
    """

    def __init__(self, cwd: Path, *, records: bool = True, runs: bool = False) -> None:
        self._cwd, self._records = cwd, records
        self._runs = runs
        self._finding = Finding(cwd)
        self._status = start(cwd, *_STATUS, *(("--ignored=matching",) if runs else ()))
        self._flags = start(cwd, "ls-files", "-v", "-z", "--full-name", "--", ":/")
        # Signatures, where the user's configuration asks for them, would be printed among what is asked for here.
        self._head = start(
            cwd, "log", "-1", "--no-show-signature", "--encoding=UTF-8", "--format=%H%n%T%n%s", "HEAD", "--"
        )
        self._author = start(cwd, "var", "GIT_AUTHOR_IDENT")

    def finish(self) -> Surveyed:
        """What they found. Raises NoRepository, or GitexpError for no commit and no identity."""
        try:
            repo = self._finding.finish()
        except GitexpError:
            self._abandon()
            raise
        head_out, why = self._head.communicate()
        if self._head.returncode != 0:
            status, _ = self._status.communicate()
            self._abandon()
            if not status.startswith(b"# branch.oid (initial)"):
                raise failure(self._head.args, self._head.returncode, why)  # type: ignore[arg-type]
            raise _no_commit(repo)
        asked = self._author
        author, nobody = asked.communicate()
        if asked.returncode == 0 and _has_own_author(repo.settings):
            asked = start(self._cwd, "var", "GIT_COMMITTER_IDENT")  # it may lack what the author has
            _, nobody = asked.communicate()
        if asked.returncode != 0 and (self._records or asked.returncode != 128):
            self._abandon()
            if asked.returncode != 128:
                raise failure(asked.args, asked.returncode, nobody)  # type: ignore[arg-type]
            raise GitexpError(
                "git does not know who you are, and a run is a commit",
                details=said(nobody)[-1:],
                fix='git config --global user.name "Your Name" && git config --global user.email you@example.com',
            )
        commit, tree, subject = os.fsdecode(head_out).rstrip("\n").split("\n", 2)
        listed = finish(self._status)
        branch, changes = _parse_status(listed)
        listing = finish(self._flags)
        flagged = _parse_flags(listing, repo.root)
        if flagged:
            changes += _hidden_changes(repo, flagged, known={change.path for change in changes})
        own = frozenset[str]()
        if changes:
            from gitexp.git.redirected import own_output

            untracked = [change.path for change in changes if change.code == "??"]
            own = frozenset(own_output(repo, [change.path for change in changes], untracked=untracked))
        return Surveyed(
            repo=repo,
            head=Head(commit=commit, tree=tree, subject=subject, branch=branch),
            changes=tuple(change for change in changes if change.path not in own),
            flagged=flagged,
            author=os.fsdecode(author).rsplit(" ", 2)[0],
            listing=listing,
            untracked=_paths_of(listed, b"? ") if self._runs else (),
            ignored=frozenset(_paths_of(listed, b"! ")),
            own_output=own,
        )

    def _abandon(self) -> None:
        for process in (self._status, self._flags, self._head, self._author):
            process.communicate()


def _has_own_author(config: Mapping[str, str]) -> bool:
    """Whether the author's identity is given by itself, so that it says nothing of the committer's."""
    return any(name in os.environ for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL")) or any(
        name in config for name in ("author.name", "author.email")
    )


def _parse_status(listing: bytes) -> tuple[str | None, list[Change]]:
    branch: str | None = None
    changes: list[Change] = []
    for item in listing.split(b"\0"):
        kind = item[:2]
        if item.startswith(b"# branch.head "):
            name = os.fsdecode(item[14:])
            branch = None if name == "(detached)" else name
        elif kind in (b"1 ", b"u "):
            _, letters, submodule, *_, path = item.split(b" ", 8 if kind == b"1 " else 10)
            changes.append(_change(letters, submodule, path))
        elif kind == b"? ":
            changes.append(Change("??", os.fsdecode(item[2:])))
    return branch, changes


def _paths_of(listing: bytes, kind: bytes) -> tuple[str, ...]:
    return tuple(os.fsdecode(item[2:]) for item in listing.split(b"\0") if item[:2] == kind)


def _change(letters: bytes, submodule: bytes, path: bytes) -> Change:
    inside = submodule[:1] == b"S" and submodule[2:] != b".."  # S<commit changed><files modified><files untracked>
    return Change(letters.decode().replace(".", " "), os.fsdecode(path), submodule=inside)


def _parse_flags(listing: bytes, root: Path) -> tuple[str, ...]:
    """Paths with a flag that may hide a change: assume-unchanged always, skip-worktree where the file exists."""
    flagged = []
    for item in listing.split(b"\0"):
        letter, path = item[:1], os.fsdecode(item[2:])
        if letter.islower() or (letter == b"S" and os.path.lexists(root / path)):
            flagged.append(path)
    return tuple(flagged)


def _hidden_changes(repo: Repo, flagged: Sequence[str], *, known: set[str]) -> list[Change]:
    index = repo.git_dir / f"gitexp-index-{os.getpid()}"
    try:
        env = index_without_flags(repo, index, flagged)
        differing = output(repo, "diff-files", "--name-only", "-z", env=env)
    finally:
        index.unlink(missing_ok=True)
    hidden = sorted({os.fsdecode(path) for path in differing.split(b"\0") if path} & set(flagged) - known)
    return [Change("h ", path) for path in hidden]


def index_without_flags(repo: Repo, index: Path, flagged: Sequence[str]) -> dict[str, str]:
    """Copy the user's index to `index`, drop the flags of `flagged` there; the environment that makes git use it."""
    import shutil

    with suppress(FileNotFoundError):  # nothing was ever staged
        shutil.copyfile(repo.git_dir / "index", index)
    env = {"GIT_INDEX_FILE": str(index)}
    if flagged:
        feed = b"".join(os.fsencode(path) + b"\0" for path in flagged)
        for flag in ("--no-assume-unchanged", "--no-skip-worktree"):
            output(repo, "update-index", flag, "-z", "--stdin", feed=feed, env=env)
        # It answers 1 when a file differs, which is what we are here to find out.
        start(repo.root, "update-index", "-q", "--refresh", env=env).communicate()
    return env


def untracked_sizes(surveyed: Surveyed) -> dict[str, int]:
    """Size in bytes of each untracked file that a snapshot would take in."""
    sizes = {}
    for change in surveyed.changes:
        if change.code == "??":
            try:
                sizes[change.path] = (surveyed.repo.root / change.path).lstat().st_size
            except FileNotFoundError:
                continue
    return sizes


def other_repositories(surveyed: Surveyed) -> list[str]:
    """What a tree cannot hold exactly: nested repositories, submodules with changes of their own."""
    return [change.path for change in surveyed.changes if change.submodule or change.path.endswith("/")]


def filters_of(repo: Repo, paths: Sequence[str]) -> dict[str, str]:
    """The filter that .gitattributes names for each of these paths; those without one are absent."""
    feed = b"".join(os.fsencode(path) + b"\0" for path in paths)
    fields = output(repo, "check-attr", "-z", "--stdin", "filter", feed=feed).split(b"\0")
    named = zip(fields[0::3], fields[2::3], strict=False)
    return {os.fsdecode(path): value.decode() for path, value in named if value not in (b"unspecified", b"unset")}


def tracked_link(repo: Repo, paths: Iterable[Path]) -> str | None:
    """The first of these paths that is a link in git: whoever committed it chose where it leads."""
    inside = (path for path in paths if path != repo.root and path.is_relative_to(repo.root))
    links = [str(path.relative_to(repo.root)) for path in inside if path.is_symlink()]
    tracked = output(repo, "ls-files", "-z", "--", *(f":(top,literal){link}" for link in links)) if links else b""
    return os.fsdecode(tracked.split(b"\0")[0]) or None
