"""Read what configures gitexp here: gitexp.toml at the root, under the user's git configuration."""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.errors import GitexpError
from gitexp.git.repo import Repo, git_config
from gitexp.model.config import Config, load_config

FILE = "gitexp.toml"


def read_config(repo: Repo, settings: Mapping[str, str] | None = None) -> Config:
    """The effective configuration: git config over gitexp.toml over defaults. `settings` is git's."""
    try:
        text = (repo.root / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError as error:
        raise GitexpError(f"{FILE} is not UTF-8: {error}") from error
    config = load_config(text)
    if settings is None:
        settings = git_config(repo)
    branch = settings.get("gitexp.branch")
    return config._replace(branch=branch) if branch else config
