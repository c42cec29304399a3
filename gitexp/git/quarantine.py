"""Snapshot the working tree into a folder of its own, where no gc looks; hand the snapshot over when it is recorded.

A snapshot is in no commit while its program runs, so `git gc` would take its objects away. In a folder apart (git's own
GIT_OBJECT_DIRECTORY, with the repository's objects as alternates) they last as long as the folder, and need no ref.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from gitexp.git.objects import path_line
from gitexp.git.repo import GitFailed, Repo, finish, object_folder, output, start
from gitexp.git.untracked import entries_of, list_untracked
from gitexp.git.worktree import Surveyed, index_without_flags


def snapshot_tree(surveyed: Surveyed, *, index: Path, objects: Path) -> tuple[str, Mapping[str, str]]:
    """Store exactly what is in the working tree (ignored files aside) as a tree.

    Returns it, and the environment in which git sees it and the index that it was made of. `index` and `objects`, a
    file and a folder, are ours and stay. There must be no `other_repositories`.
    """
    repo = surveyed.repo
    (objects / "info").mkdir(parents=True)
    (objects / "info" / "alternates").write_bytes(path_line(object_folder(repo)))
    env = index_without_flags(repo, index, surveyed.flagged) | {"GIT_OBJECT_DIRECTORY": str(objects)}
    wanted = [":/", *(f":(top,exclude,literal){path}" for path in surveyed.own_output)]
    listed = ("--pathspec-from-file=-", "--pathspec-file-nul")  # they may be thousands
    adding = ("-c", "advice.addEmbeddedRepo=false", "add", "-A", "--sparse", *listed)
    output(repo, *adding, env=env, feed=os.fsencode("\0".join(wanted)))
    tree = output(repo, "write-tree", env=env).decode().strip()
    # What the repository has already is not written again, though perhaps no commit holds it: all that HEAD lacks
    # is packed, so that the folder is complete.
    lacking = f"{tree}\n^{surveyed.head.tree}\n".encode()
    output(repo, "pack-objects", "-q", "--revs", "--window=0", str(objects / "pack" / "pack"), feed=lacking, env=env)
    return tree, env


def release(repo: Repo, objects: Path) -> list[str]:
    """Give the repository what is in quarantine; the ids. Nothing, where the tree was clean and nothing is."""
    oids = []
    for pack in sorted(objects.glob("pack/*.pack")):
        with pack.with_suffix(".idx").open("rb") as index, pack.open("rb") as packed:
            listing = start(repo.root, "show-index", stdin=index.fileno())
            unpacking = start(repo.root, "unpack-objects", "-q", stdin=packed.fileno())
        oids += [entry.split()[1].decode() for entry in finish(listing).splitlines()]
        finish(unpacking)
    return oids


def lacking(repo: Repo, tree: str, paths: Sequence[str], *, objects: Path) -> list[str]:
    """Those of these paths that are no files in a tree, which may still be in quarantine."""
    env = {"GIT_OBJECT_DIRECTORY": str(objects)} if objects.is_dir() else {}
    listed = output(repo, "ls-tree", "-z", "--name-only", "--full-tree", tree, "--", *paths, env=env)
    there = {os.fsdecode(name) for name in listed.split(b"\0")}
    return [path for path in paths if path not in there]


class EditWatch:
    """Two git processes that find what has changed in the working tree since it was `tree`, seen in `env`."""

    def __init__(self, repo: Repo, *, tree: str, env: Mapping[str, str], ignored: Collection[str]) -> None:
        """`ignored`: what git ignored before, as `git status` lists it: where nothing else lies, nothing is new."""
        diff = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", tree, "--")
        self._repo, self._env, self._ignored = repo, env, ignored
        self.new: tuple[str, ...] = ()  # what git neither has nor ignores, once `finish` has returned
        self.untracked: list[str] = []  # what it does not have, a folder of such as one
        self.unseen = ""  # why git could not tell what was edited, in its words
        self._edited = start(repo.root, *diff, env=env)
        self._others = list_untracked(repo.root, env)

    def finish(self) -> tuple[str, ...]:
        """The paths that were edited, removed or added, sorted; without what other runs' output goes to."""
        edited: list[str] = []
        try:
            edited = _paths(finish(self._edited))
        except GitFailed as error:  # of a filter, say, that the user's configuration requires and has not got
            self.unseen = error.details[-1] if error.details else error.what
        self.untracked = entries_of(finish(self._others))
        if all(entry in self._ignored for entry in self.untracked) and not any(".gitignore" in path for path in edited):
            return tuple(sorted(edited))
        new = _paths(output(self._repo, "ls-files", "-z", "--others", "--exclude-standard", env=self._env))
        if new:
            from gitexp.git.redirected import own_output

            new = sorted(set(new).difference(own_output(self._repo, new, untracked=new)))
            self.new = tuple(new)
        return tuple(sorted({*edited, *new}))


def _paths(listing: bytes) -> list[str]:
    return [os.fsdecode(path) for path in listing.split(b"\0") if path]
