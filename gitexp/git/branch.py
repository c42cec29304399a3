"""The experiments branch: its constant root, its tip, and taking it up in a new clone."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from gitexp.git.objects import move_ref, write_commit, write_tree
from gitexp.git.repo import Repo, line, output, ref_id

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


def branch_ref(branch: str) -> str:
    """The full name of the local branch."""
    return f"refs/heads/{branch}"


def branch_tip(repo: Repo, branch: str) -> str | None:
    """The commit the local branch points at; None where there is no such branch."""
    return ref_id(repo, branch_ref(branch))


def write_root(repo: Repo) -> str:
    """Store the constant first commit of every experiments branch and return its id."""
    blob = line(repo, "hash-object", "-w", "--no-filters", "--stdin", feed=ROOT_README.encode())
    tree = write_tree(repo, [f"100644 blob {blob}\tREADME.md"])
    return write_commit(repo, tree=tree, parents=[], message=ROOT_MESSAGE, identity=ROOT_IDENTITY)


def take_up(repo: Repo, branch: str, git_config: Mapping[str, str]) -> tuple[str, str]:
    """Create the local branch, from the remote's where there is one, else from the root. Returns tip and origin.

    Somebody who creates it at the same moment wins; theirs is returned.
    """
    ref = branch_ref(branch)
    source, origin = remote_tip(repo, branch, git_config)
    new = source or write_root(repo)
    move_ref(repo, ref, new=new, old=None, why=f"gitexp: {origin}")
    return ref_id(repo, ref) or new, origin


def remote_tip(repo: Repo, branch: str, git_config: Mapping[str, str]) -> tuple[str | None, str]:
    """The branch as last seen on a remote, in words which: that of gitexp.remote, else of origin, else the only one."""
    found = {}
    listing = output(repo, "for-each-ref", "--format=%(objectname) %(refname)", f"refs/remotes/*/{branch}").decode()
    for entry in listing.splitlines():
        oid, ref = entry.split(" ", 1)
        found[ref.removeprefix("refs/remotes/").removesuffix(f"/{branch}")] = oid
    for remote in (git_config.get("gitexp.remote"), "origin"):
        if remote in found:
            return found[remote], f"from {remote}/{branch}"
    if len(found) == 1:
        [(remote, oid)] = found.items()
        return oid, f"from {remote}/{branch}"
    return None, "new"


def checked_out_in(repo: Repo, branch: str) -> str | None:
    """The working tree that has the branch checked out; None, as it should be, where there is none."""
    wanted = f"ref: {branch_ref(branch)}"
    heads = [repo.common_dir / "HEAD", *repo.common_dir.glob("worktrees/*/HEAD")]
    for head in heads:
        try:
            if head.read_text().strip() == wanted:
                return str(head.parent)
        except OSError:
            continue  # a working tree being removed
    return None


def maintain(repo: Repo) -> None:
    """Let git pack what has piled up, without waiting for it. Recording writes loose objects and never packs them."""
    subprocess.Popen(
        ["git", "maintenance", "run", "--auto", "--quiet"],
        cwd=repo.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # it may outlive us, and Ctrl-C is not meant for it
    )
