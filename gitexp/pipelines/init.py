"""Set gitexp up in a repository: configuration, hooks, branch. Doing it twice changes nothing."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.clone import FILE, read_config
from gitexp.errors import GitexpError, before_anything_runs
from gitexp.git.branch import in_the_way_there, left_out, require_startable, take_up
from gitexp.git.hooks import Installed, install_hooks, install_server_hook
from gitexp.git.repo import BranchUnusable, Repo, find_bare, output, remote_names
from gitexp.git.standing import ANOTHER, Look, branch_ref
from gitexp.git.untracked import collapsed
from gitexp.git.worktree import Survey
from gitexp.history.cache import left_behind
from gitexp.spec.config import BRANCH
from gitexp.spec.outputs import covers, entry_of
from gitexp.spec.template import CONFIG_TEMPLATE
from gitexp.text.schema import inline
from gitexp.text.tomledit import set_texts
from gitexp.wholefile import write_whole


class Initialised(NamedTuple):
    """What `init` found and did."""

    repo: Repo
    branch: str
    tip: str
    origin: str | None  # in words, where the branch was taken up from; None: it was there already
    wrote_config: bool
    hooks: Installed
    warnings: Sequence[GitexpError]  # what keeps runs from being shared, or was left behind


def init(cwd: Path) -> Initialised:
    """Set up the repository around `cwd`. Raises GitexpError, and nothing was written, where it cannot be."""
    surveyed = Survey(cwd).finish()
    repo = surveyed.repo
    config = read_config(repo)
    with before_anything_runs():
        tip, origin = Look(repo, branch_ref(config.branch)).tip(), None
        if tip is None:
            require_startable(repo, config.branch)
    hooks = install_hooks(repo)
    path = repo.root / FILE
    wrote_config = not path.exists()
    if wrote_config:
        path.write_text(CONFIG_TEMPLATE, encoding="utf-8")
    warnings = []
    if tip is None:
        warnings = [gone] if (gone := left_behind(repo, config.branch)) else []
        tip, origin = take_up(repo, config.branch)
        for remote in remote_names(repo) if origin == "new" else ():
            if out := left_out(repo, config.branch, remote=remote):
                warnings.append(out)
    if other := in_the_way_there(repo, config.branch):
        words = f"{other} is there, so its remote cannot have a branch {config.branch}"
        warnings.append(GitexpError(words, fix=ANOTHER))
    return Initialised(repo, config.branch, tip, origin, wrote_config, hooks, warnings)


def init_server(path: Path) -> tuple[Installed, str]:
    """Guard the branch in a bare repository that others push to. Returns what became of the hook, and the branch.

    Raises GitexpError, and nothing was written, where that branch is somebody's own.
    """
    if not path.is_dir():
        raise GitexpError(
            f"There is no folder {path}",
            why="The hook goes into the bare repository that others push to, on the machine where it lies.",
            fix=f"git init --bare {shlex.quote(str(path))}    where it is to begin here\n"
            "gitexp init --server -    prints the hook, for another machine: docs/guide/sharing.md has the line",
        )
    repo = find_bare(path)
    branch = repo.settings.get("gitexp.branch", BRANCH)
    try:
        Look(repo, branch_ref(branch)).tip()
    except BranchUnusable as error:
        fix = f"git -C {shlex.quote(str(path))} config gitexp.branch ANOTHER-NAME    then type it again"
        raise BranchUnusable(error.what, why=error.why, details=error.details, fix=fix) from error
    return install_server_hook(repo), branch


def keep_outputs(repo: Repo, *, since: float, until: float, cwd: str) -> tuple[str, ...]:
    """Name in gitexp.toml, as outputs of all runs, what git neither has nor ignores and was written then.

    `since`, `until`: in seconds of Unix time. `cwd`: where the program ran that did it, relative to the root. Entries
    are relative to where a program runs.
    Returns all that it names then; empty, and nothing is written, where nothing lies there. Raises GitexpError.
    """
    new = [os.fsdecode(p) for p in output(repo, "ls-files", "-z", "--others", "--exclude-standard").split(b"\0") if p]
    named = read_config(repo).outputs
    known = covers(named)
    inside = "" if cwd == "." else f"{cwd}/"
    new = [path for path in new if path != FILE and not known(path.removeprefix(inside))]
    written = [path for path in new if since <= _changed(repo.root / path) <= until]
    if not written:
        return ()
    entries = collapsed(written, output(repo, "ls-files", "-v", "-z"))
    outputs = tuple(dict.fromkeys([*named, *(entry_of(path.removeprefix(inside)) for path in entries)]))
    path = repo.root / FILE
    text = path.read_text(encoding="utf-8") if path.exists() else CONFIG_TEMPLATE
    edited = set_texts(text, ("run", "outputs"), outputs)
    if edited is None:
        raise GitexpError(f"{FILE} cannot be edited", fix=f"write below [run]:  outputs = {inline(list(outputs))}")
    write_whole(path, edited.encode())
    return outputs


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_ctime
    except OSError:
        return 0.0
