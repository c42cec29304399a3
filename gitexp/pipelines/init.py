"""Set gitexp up in a repository: configuration, hooks, branch. Doing it twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.clone import FILE, read_config
from gitexp.errors import GitexpError, before_anything_runs
from gitexp.git.branch import in_the_way_there, require_startable, take_up
from gitexp.git.hooks import Installed, install_hooks
from gitexp.git.repo import Repo
from gitexp.git.standing import ANOTHER, Look, branch_ref
from gitexp.git.worktree import Survey
from gitexp.history.cache import left_behind
from gitexp.spec.template import CONFIG_TEMPLATE


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
    if other := in_the_way_there(repo, config.branch):
        words = f"{other} is there, so its remote cannot have a branch {config.branch}"
        warnings.append(GitexpError(words, fix=ANOTHER))
    return Initialised(repo, config.branch, tip, origin, wrote_config, hooks, warnings)
