"""What the experiments branch is, before anything is put on it: a tip of gitexp's own, nothing yet, or in the way.

One `git cat-file`, begun beside other work, answers where the branch is a run on top of a run. Slower questions are
asked only where it is not. Nobody's own branch is ever taken for gitexp's. Touches nothing.
"""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gitexp.git.repo import ENGLISH, BranchDamaged, BranchHeld, BranchUnusable, Repo, failure, line, output, said, start
from gitexp.record.identity import EVENT_TRAILER, RUN_TRAILER
from gitexp.spec.config import is_branch_name

# The constant first commit of every experiments branch, by object format; docs/format.md promises it.
ROOTS = frozenset(
    {
        "bd649e5b4206e0f538ce41e3875a9377c19c7f7c",
        "0e5115cce90c6b82c68f8c335f1fc654f2103929d4e660791ac91a3d90d387df",
    }
)
ANOTHER = "git config gitexp.branch ANOTHER-NAME && gitexp init"
STALE_S = 60.0  # git holds the lock of a ref for milliseconds; one that is older was left behind, or its holder hangs
SUSPECT_S = 20.0  # after having waited for it in vain, one of this age is called that too

_SAYS = tuple(f"\n{name}: ".encode() for name in (RUN_TRAILER, EVENT_TRAILER))


class _Object(NamedTuple):
    oid: str
    content: bytes


def branch_ref(branch: str) -> str:
    """The full name of the local branch."""
    return f"refs/heads/{branch}"


def given_ref(branch: str) -> str:
    """What remembers the tip that was pushed, or went into a bundle: others have it, though no remote may say so."""
    return f"refs/gitexp/given/{branch}"


class Look:
    """A question to git about a ref, under way; `tip` reads the answer. Raises BranchUnusable for what is no name."""

    def __init__(self, repo: Repo, ref: str) -> None:
        self._repo, self._ref = repo, ref
        self._name = _short(ref)
        if not is_branch_name(self._name):
            raise BranchUnusable(f"{self._name!r} is no name that git takes for a branch", fix=ANOTHER)
        self._asking = start(repo.root, "cat-file", "--batch-command", stdin=subprocess.PIPE)
        questions = "".join(f"contents {ref}{part}\n" for part in ("", "^{tree}", "^^{tree}"))
        assert self._asking.stdin is not None
        with suppress(BrokenPipeError):  # git says why on stderr
            self._asking.stdin.write(questions.encode("utf-8", "surrogateescape"))
            self._asking.stdin.close()
        self._asking.stdin = None

    def tip(self) -> str | None:
        """The tip; None where there is no such branch and none in the way. Raises BranchUnusable, BranchDamaged."""
        out, err = self._asking.communicate()
        code = self._asking.returncode
        if code not in (0, 128):
            raise failure(self._asking.args, code, err)  # type: ignore[arg-type]
        self._require_own_ref()
        commit, tree, before = _answers(out)
        if code == 0 and commit is None:
            self._require_room()
            return None
        if commit is None or tree is None:
            raise self._damaged(said(err) or ["its newest commit, or the tree of it, is missing"])
        if commit.oid not in ROOTS and not self._is_run(commit, tree, before):
            require_grown(self._repo, self._ref, commit.oid)
        return commit.oid

    def _is_run(self, commit: _Object, tree: _Object, before: _Object | None) -> bool:
        """Whether a run, or what is said about runs, stands on top of another, or of the root."""
        header, _, message = commit.content.partition(b"\n\n")
        trailers = b"\n" + message.rstrip().rpartition(b"\n\n")[2]
        if not any(name in trailers for name in _SAYS) or b" run.toml\0" not in tree.content:
            return False
        if any(f"parent {root}".encode() in header for root in ROOTS) or (before and b" run.toml\0" in before.content):
            return True
        return before is None and is_shallow(self._repo)  # what came before was not fetched

    def _require_own_ref(self) -> None:
        """Refuse a symbolic ref, which moving would replace, and a lock that nobody is going to take away."""
        path = self._repo.common_dir / self._ref
        try:
            target = path.read_bytes()
        except OSError:
            target = b""
        if target.startswith(b"ref:"):
            named = target[4:].decode(errors="replace").strip().removeprefix("refs/heads/")
            raise BranchUnusable(
                f"{self._name} is no branch of its own: it stands for {named}",
                fix=f"git config gitexp.branch {shlex.quote(named)}",
            )
        if self._ref.startswith("refs/heads/"):
            require_no_stale_lock(path)

    def _require_room(self) -> None:
        """git finds no such branch: it is damaged, or another is in its way, or there is none."""
        listing = start(self._repo.root, "for-each-ref", "--format=%(refname)", env=ENGLISH)
        out, err = listing.communicate()
        if listing.returncode != 0:
            raise failure(listing.args, listing.returncode, err)  # type: ignore[arg-type]
        refs = out.decode(errors="surrogateescape").split("\n")
        if self._ref in refs:
            raise self._damaged(["its newest commit is missing"])
        if f"ref {self._ref}\n" in err.decode(errors="surrogateescape"):
            raise self._damaged([f"{self._repo.common_dir / self._ref} does not hold a commit's id"])
        ignores_case = line(self._repo, "config", "--type=bool", "--default=false", "core.ignoreCase") == "true"
        other = in_the_way(self._ref, refs, any_case=ignores_case)
        if other is not None:
            raise BranchUnusable(
                f"There cannot be a branch {self._name} here, because there is {_short(other)}",
                why="To git one of two such names would have to be a file and a folder, or they are one file.",
                fix=ANOTHER,
            )

    def _damaged(self, words: Sequence[str]) -> BranchDamaged:
        from gitexp.git.damage import damaged

        return damaged(self._repo, self._ref, words)


def require_grown(repo: Repo, ref: str, tip: str, *, where: str = "here") -> None:
    """Find the slow way, from parent to first parent, that a branch began as gitexp's. Raises BranchUnusable.

    `ref` is what `tip` was found at. The history of a shallow clone ends early: there its tip's trailers have to do.
    """
    walk = start(repo.root, "rev-list", "--first-parent", "--max-parents=0", tip, "--")
    out, err = walk.communicate()
    if walk.returncode != 0:
        from gitexp.git.damage import damaged

        raise damaged(repo, ref, said(err))
    if ROOTS & set(out.decode().split()):
        return
    if is_shallow(repo) and b"Gitexp-" in output(
        repo, "rev-list", "-1", "--no-commit-header", "--format=%(trailers:keyonly)", tip, "--"
    ):
        return
    raise BranchUnusable(
        f"The branch {_short(ref)} {where} does not hold runs of gitexp",
        why="It did not grow from the root commit that all experiments branches share: it is somebody's own.",
        fix=ANOTHER,
    )


def _short(ref: str) -> str:
    """A ref as people call it."""
    return ref.split("/", 2)[-1]


def _answers(out: bytes) -> list[_Object | None]:
    """What `cat-file --batch-command` answered to three questions; None for what is missing or no longer came."""
    found: list[_Object | None] = []
    while out and len(found) < 3:
        header, _, out = out.partition(b"\n")
        fields = header.split(b" ")
        if len(fields) == 3 and fields[2].isdigit():
            size = int(fields[2])
            found.append(_Object(fields[0].decode(), out[:size]))
            out = out[size + 1 :]
        else:
            found.append(None)
    return found + [None] * (3 - len(found))


def in_the_way(ref: str, refs: Iterable[str], *, any_case: bool) -> str | None:
    """The ref beside which git cannot have another: one is the other's folder, or they differ in case alone."""
    wanted = ref.casefold() if any_case else ref
    for one in refs:
        name = one.casefold() if any_case else one
        if one != ref and (name == wanted or name.startswith(f"{wanted}/") or wanted.startswith(f"{name}/")):
            return one
    return None


def cut_at(repo: Repo) -> frozenset[str]:
    """The commits below which nothing was fetched: none, unless this clone is shallow."""
    try:
        return frozenset((repo.common_dir / "shallow").read_text().split())
    except FileNotFoundError:
        return frozenset()


def is_shallow(repo: Repo) -> bool:
    """Whether this clone has only the end of some histories."""
    return bool(cut_at(repo))


def require_creatable(repo: Repo, ref: str) -> None:
    """Let git say whether it could make this ref now, and make none. Raises BranchUnusable with its words."""
    commit = line(repo, "rev-parse", "--verify", "HEAD^{commit}")
    asking = start(repo.root, "update-ref", "--no-deref", "--stdin", stdin=subprocess.PIPE, env=ENGLISH)
    _, err = asking.communicate(f"start\ncreate {ref} {commit}\nprepare\nabort\n".encode("utf-8", "surrogateescape"))
    passing = (b"already exists", b".lock': File exists")  # others are making it at this moment
    if asking.returncode != 0 and not any(words in err for words in passing):
        raise BranchUnusable(f"git cannot make a branch {_short(ref)} here", details=said(err), fix=ANOTHER)


def require_no_stale_lock(ref_file: Path, *, older_s: float = STALE_S) -> None:
    """Raises BranchHeld where the lock of a ref has been there for longer than anybody needs it."""
    lock = ref_file.with_name(f"{ref_file.name}.lock")
    try:
        age_s = time.time() - lock.stat().st_mtime
    except OSError:
        return
    if age_s > older_s:
        import shlex

        raise BranchHeld(
            f"Unable to create '{lock}': File exists",
            why=f"That lock is {age_s:,.0f} s old: a git that was killed has left it, or one that hangs holds it.",
            fix=f"rm {shlex.quote(str(lock))}    # once no git is at work in this repository",
        )


def move_failed(words: str) -> str:
    """git's reason for not moving a ref, without what it says before it."""
    return words.rpartition("cannot lock ref")[2].partition(": ")[2].split("\n")[0] or words.split("\n")[-1]
