"""The experiments branch: its constant root, its tips here and on remotes, and taking it up in a new clone."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.repo import (
    ENGLISH,
    BranchUnusable,
    Repo,
    failure,
    finish_answer,
    line,
    output,
    remote_names,
    revision,
    start,
)
from gitexp.git.standing import Look, branch_ref, in_the_way, move_failed, require_creatable

# This text, and with it the id of the root commit, never changes: labs that run `gitexp init` apart share the root.
ROOT_README = """\
# Experiments

Every commit on this branch is one run of a machine-learning experiment,
recorded by gitexp. Nothing here needs that tool to be read:

    git log experiments                     lists the runs, newest first
    git show RUN:README.md                  how to read and repeat a run
    git show RUN:run.toml                   what ran, when, where, how it ended
    git show RUN:recipe.toml                every setting that took effect
    git show RUN:metrics.toml               the results
    git diff RUN1 RUN2 -- . ':!code'        what differs between two runs
    git diff RUN1:code RUN2:code            how their code differs
    git log --format='%h %(trailers:key=Gitexp-Run,valueonly) %s' experiments

The branch only grows. It shares no history with the code; each commit
carries the code that ran in its folder `code`.
"""

ROOT_MESSAGE = "Begin the experiments branch\n"
ROOT_IDENTITY = {
    "GIT_AUTHOR_NAME": "gitexp",
    "GIT_AUTHOR_EMAIL": "gitexp@localhost",
    "GIT_AUTHOR_DATE": "@0 +0000",
    "GIT_COMMITTER_NAME": "gitexp",
    "GIT_COMMITTER_EMAIL": "gitexp@localhost",
    "GIT_COMMITTER_DATE": "@0 +0000",
}


def write_root(repo: Repo) -> str:
    """Store the constant first commit of every experiments branch and return its id."""
    from gitexp.git.objects import sync_objects, write_commit

    blob = line(repo, "hash-object", "-w", "--no-filters", "--stdin", feed=ROOT_README.encode())
    tree = line(repo, "mktree", feed=f"100644 blob {blob}\tREADME.md\n".encode())
    anybody = repo._replace(settings={})  # who signs, or not, has no part in it
    root = write_commit(anybody, tree=tree, parents=[], message=ROOT_MESSAGE, identity=ROOT_IDENTITY)
    sync_objects(repo, (blob, tree, root))
    return root


class Tip(NamedTuple):
    """A ref that holds runs, and the commit it points at; `damage`: in words, why git cannot read it."""

    ref: str
    commit: str
    damage: str | None = None


def find_tips(repo: Repo, branch: str) -> dict[str, Tip]:
    """The experiments branch by remote; the local one under the empty name."""
    ends = {branch_ref(branch): ""}
    # A star stands for no slash, which the name of a remote may have.
    ends |= {f"refs/remotes/{name}/{branch}": name for name in remote_names(repo) if "/" in name}
    wanted = (f"refs/remotes/*/{branch}", *ends)
    # The type is of no use to us; to tell it, git has to look whether the commits are there.
    process = start(repo.root, "for-each-ref", "--format=%(objectname) %(refname) %(objecttype)", *wanted, env=ENGLISH)
    out, err = process.communicate()
    if process.returncode not in (0, 128):
        raise failure(process.args, process.returncode, err)  # type: ignore[arg-type]
    if process.returncode or err:
        return _damaged_tips(repo, branch, ends, wanted, words=err.decode(errors="surrogateescape"))
    entries = (entry.split(" ")[:2] for entry in out.decode(errors="surrogateescape").split("\n")[:-1])
    return {name: Tip(ref, commit) for commit, ref in entries if (name := _holder(ref, branch, ends)) is not None}


def _holder(ref: str, branch: str, ends: Mapping[str, str]) -> str | None:
    """The remote whose branch this is, an empty name for the local one; None: a ref below such a branch."""
    if ref.startswith("refs/remotes/") and ref.count("/") == 3 + branch.count("/"):
        return ends.get(ref, ref.split("/")[2])
    return ends.get(ref)


def _damaged_tips(
    repo: Repo, branch: str, ends: Mapping[str, str], wanted: Sequence[str], *, words: str
) -> dict[str, Tip]:
    """The same where git cannot read one of them: a commit is missing, or the file of a ref broke off."""
    from gitexp.git.damage import reflog, there

    listing = output(repo, "for-each-ref", "--format=%(objectname) %(refname)", *wanted)
    found = dict(entry.split(" ")[::-1] for entry in listing.decode(errors="surrogateescape").split("\n")[:-1])
    here = there(repo, list(found.values()))
    tips = {}
    for ref, commit in found.items():
        if (name := _holder(ref, branch, ends)) is not None:
            tips[name] = Tip(ref, commit, None if commit in here else f"its newest commit {commit} is missing")
    local = branch_ref(branch)
    if f"broken ref {local}\n" in words:
        moves = reflog(repo, local)
        damage = f"{repo.common_dir / local} does not hold a commit's id"
        tips[""] = Tip(local, moves[0].commit if moves else "", damage)
    return tips


def tip_to_read(tips: Mapping[str, Tip], *, remote: str | None) -> Tip | None:
    """The ref to read: the local branch; without one that of the remote named, else of origin, else of the only one."""
    for name in ("", remote, "origin"):
        if name is not None and name in tips:
            return tips[name]
    return next(iter(tips.values())) if len(tips) == 1 else None


def in_the_way_there(repo: Repo, branch: str) -> str | None:
    """A remote's branch, as last fetched, beside which that remote cannot have one of this name: REMOTE/NAME."""
    refs = line(repo, "for-each-ref", "--format=%(refname)", "refs/remotes").split("\n")
    found = (in_the_way(f"refs/remotes/{name}/{branch}", refs, any_case=False) for name in remote_names(repo))
    return next((ref.removeprefix("refs/remotes/") for ref in found if ref), None)


def left_out(repo: Repo, branch: str, *, remote: str) -> GitexpError | None:
    """What to say where `git fetch` leaves the branch at the remote; None where it brings it."""
    from fnmatch import fnmatchcase

    _, out = finish_answer(start(repo.root, "config", "--get-all", f"remote.{remote}.fetch"))
    sources = [spec.removeprefix("+").partition(":")[0] for spec in out.decode(errors="replace").split("\n")[:-1]]
    if not sources or any(fnmatchcase(branch_ref(branch), source) for source in sources):
        return None
    named = ", ".join(source.removeprefix("refs/heads/") for source in sources)
    more = f"git remote set-branches --add {remote} {shlex.quote(branch)}    # then git fetch brings them, too"
    return GitexpError(
        f"This clone fetches {named} of {remote} alone (git clone --single-branch, or --depth), and no runs",
        fix=f"gitexp pull\n{more}",
    )


def take_up(repo: Repo, branch: str) -> tuple[str, str]:
    """Create the local branch, from the remote's where there is one, else from the root. Returns tip and origin.

    Somebody who creates it at the same moment wins; theirs is returned. Raises BranchUnusable.
    """
    ref = branch_ref(branch)
    theirs = _remote_tip(repo, branch)
    origin = f"from {theirs.ref.removeprefix('refs/remotes/')}" if theirs else "new"
    from gitexp.git.gc import Keeper  # whoever only reads needs neither
    from gitexp.git.objects import move_ref

    keeper = Keeper(repo)
    new = theirs.commit if theirs else write_root(repo)
    words = move_ref(repo, ref, new=new, old=None, why=f"gitexp: {origin}")
    if words is None and theirs is None:
        keeper.keep(new, [f"{new}:README.md"], rewrite=lambda: write_root(repo))
    else:
        keeper.close()
    tip = Look(repo, ref).tip()
    if tip is None:
        raise BranchUnusable(f"git cannot make a branch {branch}: {move_failed(words or '')}")
    return tip, origin


def require_startable(repo: Repo, branch: str) -> None:
    """The local branch is not there: see to it that `take_up` would succeed, and do nothing. Raises BranchUnusable."""
    _remote_tip(repo, branch)
    require_creatable(repo, branch_ref(branch))


def _remote_tip(repo: Repo, branch: str) -> Tip | None:
    """Where the branch would be taken up from. Raises BranchUnusable where that holds no runs of gitexp."""
    theirs = tip_to_read(find_tips(repo, branch), remote=repo.settings.get("gitexp.remote"))
    if theirs is not None:
        Look(repo, theirs.ref).tip()
    return theirs


def require_not_checked_out(repo: Repo, branch: str, *, why: str) -> None:
    """Raises BranchUnusable where a working tree has the branch checked out, which must not move then."""
    where = _checked_out_in(repo, branch)
    if where is None:
        return
    fix = "git switch -" if revision(repo, "@{-1}") else "git switch --detach"
    if where != repo.root:
        fix = f"git -C {shlex.quote(str(where))} switch --detach" if where.is_dir() else "git worktree prune"
    raise BranchUnusable(
        f"The branch {branch} is checked out ({where})",
        why=f"{why}, and the files there would no longer be its tip's. To look at a run: `gitexp show`, or"
        " `git worktree add --detach DIR RUN`.",
        fix=fix,
    )


def _checked_out_in(repo: Repo, branch: str) -> Path | None:
    """The working tree that has the branch checked out; None, as it should be, where there is none."""
    wanted = f"ref: {branch_ref(branch)}"
    heads = [repo.common_dir / "HEAD", *repo.common_dir.glob("worktrees/*/HEAD")]
    for head in heads:
        try:
            if head.read_text().strip() != wanted:
                continue
            if head.parent == repo.git_dir:
                return repo.root
            linked = head.with_name("gitdir")  # names the file .git of a linked working tree
            return Path(linked.read_text().strip() if head.parent != repo.common_dir else repo.common_dir).parent
        except OSError:
            continue  # a working tree being removed
    return None


def maintain(repo: Repo) -> None:
    """Let git pack what has piled up, without waiting for it. Recording writes loose objects and never packs them."""
    process = subprocess.Popen(
        ["git", "maintenance", "run", "--auto", "--quiet"],
        cwd=repo.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # it may outlive us, and Ctrl-C is not meant for it
    )
    process.returncode = 0  # nobody waits for it, and where warnings are on, Python would warn of that
