"""A git working tree of gitexp's own, in the folder of a run: the code of a record, as it lay there when it ran.

The user's working tree, index and branches have no part in it. Its entry in `.git/worktrees` goes with the run's folder
(`runfolder.remove`).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gitexp.git.repo import GitFailed, Repo, finish, line, output, ref_id, start
from gitexp.regularfile import read_regular

# Nobody else's programs, and nothing that the user's own checkout is set to do besides: whatever the code, it is whole.
_PLAIN = {
    "core.hooksPath": "/dev/null",
    "core.sparseCheckout": "false",
    "core.splitIndex": "false",
    "submodule.recurse": "false",
    "worktree.useRelativePaths": "false",
}
_UNFILTERED = {"smudge": "", "clean": "", "process": "", "required": "false"}
_NOBODY = {f"GIT_{who}_{what}": "gitexp" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
_NEVER = {f"GIT_{who}_DATE": "1970-01-01T00:00:00Z" for who in ("AUTHOR", "COMMITTER")}


class OwnTree(NamedTuple):
    """A working tree. `env`: in which git sees the files as they were laid out; empty where that is HEAD's tree."""

    repo: Repo
    head: str  # the commit that is checked out, on no branch
    env: Mapping[str, str]


def make_tree(repo: Repo, folder: Path, *, tree: str, commit: str | None, index: Path, lock: int) -> OwnTree:
    """Lay a tree out in `folder`, which must not exist. Raises GitFailed where this clone lacks some of it.

    `commit`: what HEAD is to be, where this clone has it; else it is a commit of the tree alone, everywhere the same.
    `index`: a file of ours. `lock`: a descriptor that each git process keeps open while it lives, whoever is killed.
    """
    head = commit and ref_id(repo, commit)
    if not head:
        head = line(repo, "commit-tree", tree, "-m", "The code of a recorded run", env={**_NOBODY, **_NEVER})
    filters = {f"filter.{name}.{key}": value for name in _filters(repo) for key, value in _UNFILTERED.items()}
    plain = _options({**_PLAIN, **filters})

    def git(cwd: Path, *args: str, env: Mapping[str, str] | None = None) -> None:
        _through(start(cwd, *plain, *args, env=env, keep=lock))

    git(repo.root, "worktree", "add", "-q", "--detach", "--no-checkout", str(folder), head)
    own = repo._replace(root=folder, git_dir=repo.common_dir / "worktrees" / folder.name)
    env = {"GIT_INDEX_FILE": str(index)}
    git(folder, "read-tree", "--reset", "-u", tree, env=env)
    if line(repo, "rev-parse", f"{head}^{{tree}}") == tree:
        index.rename(own.git_dir / "index")
        return OwnTree(own, head, {})
    git(folder, "read-tree", head)  # so that what had been changed when it ran is changed here
    _refresh(folder, *plain)
    return OwnTree(own, head, env)


def filtered(tree: OwnTree) -> dict[str, list[bytes]]:
    """The files that pass through each filter that the user has set up, by its name."""
    found = {}
    for name in _filters(tree.repo):
        listed = output(tree.repo, "ls-files", "-z", "--", f":(attr:filter={name})", env=tree.env)
        if paths := [path for path in listed.split(b"\0") if path]:
            found[name] = paths
    return found


def lfs_addresses(tree: OwnTree) -> list[str]:
    """Where the .lfsconfig of the code, which is its author's, has git-lfs ask instead of the user's own remotes."""
    try:
        text = read_regular(tree.repo.root / ".lfsconfig", most=1 << 16)
        listed = output(tree.repo, "config", "-f", "-", "--no-includes", "--list", "-z", feed=text)
    except (OSError, GitFailed):
        return []
    entries = (entry.partition("\n") for entry in listed.decode(errors="replace").split("\0"))
    return [value for key, _, value in entries if key == "lfs.url" or key.endswith(".lfsurl")]


def finish_tree(tree: OwnTree, *, lock: int) -> list[str]:
    """Send files through the filters that the user has set up (git-lfs), as a checkout does. Warnings, where one fails.

    Apart from laying them out, since it starts programs and may fetch.
    """
    said, env = [], dict(tree.env)
    for name, paths in filtered(tree).items():
        again, listed = ("checkout-index", "-q", "-f", "-u", "-z", "--stdin"), b"\0".join([*paths, b""])
        for path in paths:
            (tree.repo.root / os.fsdecode(path)).unlink(missing_ok=True)
        try:
            _through(start(tree.repo.root, *again, env=env, stdin=subprocess.PIPE, keep=lock), listed)
        except GitFailed as error:
            said.append(f"warning: files that pass through the filter {name} are as git has them: {error.details[-1:]}")
            off = _options({f"filter.{name}.{key}": value for key, value in _UNFILTERED.items()})
            _through(start(tree.repo.root, *off, *again, env=env, stdin=subprocess.PIPE, keep=lock), listed)
        if env:
            _refresh(tree.repo.root)
    return said


def _through(process: subprocess.Popen[bytes], feed: bytes | None = None) -> None:
    """Wait for git. If we are stopped meanwhile it is, too: else it would write to what is being removed."""
    try:
        finish(process, feed)
    except BaseException:
        process.kill()
        process.wait()
        raise


def _refresh(root: Path, *options: str) -> None:
    start(
        root, *options, "update-index", "-q", "--refresh"
    ).communicate()  # it answers 1 where files differ, as some do


def _filters(repo: Repo) -> list[str]:
    """Those that the user's configuration knows, and whose names can be asked for."""
    names = {key[7:].rpartition(".")[0] for key in repo.settings if key.startswith("filter.")}
    return sorted(name for name in names if re.fullmatch(r"[A-Za-z0-9_-]+", name))


def _options(settings: Mapping[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def listing_of(tree: OwnTree) -> bytes:
    """What was laid out, as `git ls-files -v -z` lists it."""
    return output(tree.repo, "ls-files", "-v", "-z", env=tree.env)
