"""Set gitexp up in a repository: configuration, hooks, branch. Doing it twice changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gitexp.clone import FILE, read_config
from gitexp.errors import before_anything_runs
from gitexp.git.branch import require_startable, take_up
from gitexp.git.hooks import Installed, install_hooks
from gitexp.git.repo import Repo
from gitexp.git.standing import Look, branch_ref
from gitexp.git.worktree import Survey
from gitexp.model.template import CONFIG_TEMPLATE


class Initialised(NamedTuple):
    """What `init` found and did."""

    repo: Repo
    branch: str
    tip: str
    origin: str | None  # in words, where the branch was taken up from; None: it was there already
    wrote_config: bool
    hooks: Installed


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
    if tip is None:
        tip, origin = take_up(repo, config.branch)
    return Initialised(repo, config.branch, tip, origin, wrote_config, hooks)
