"""Read what configures gitexp here: gitexp.toml at the root, under the user's git configuration."""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.errors import GitexpError, Refused
from gitexp.git.repo import Repo, git_config
from gitexp.model.bounded import LARGEST
from gitexp.model.catalogue import DatasetRef
from gitexp.model.config import Config, is_branch_name, load_config
from gitexp.model.encoding import NotUtf8, decode
from gitexp.model.schema import spell
from gitexp.regularfile import read_regular

FILE = "gitexp.toml"


def read_config(repo: Repo, settings: Mapping[str, str] | None = None) -> Config:
    """The effective configuration: git config over gitexp.toml over defaults. `settings` is git's."""
    config = load_config(_text(repo, FILE) or "")
    if config.catalogue is not None:
        config = config._replace(datasets={**config.datasets, **_catalogue(repo, config)})
    if settings is None:
        settings = git_config(repo)
    if config.remotes:
        from gitexp.model.trust import remote_entry, trusted

        approved = trusted(settings)
        config = config._replace(
            remotes={
                name: remote._replace(approved=remote_entry(remote) in approved)
                for name, remote in config.remotes.items()
            }
        )
    branch = settings.get("gitexp.branch")
    if branch and not is_branch_name(branch):
        raise Refused(
            f"git config gitexp.branch: git takes {spell(branch)} for no branch's name",
            fix="git config gitexp.branch ANOTHER-NAME    or:  git config --unset gitexp.branch",
        )
    return config._replace(branch=branch) if branch else config


def _catalogue(repo: Repo, config: Config) -> Mapping[str, DatasetRef]:
    from gitexp.model.config import load_catalogue_file

    assert config.catalogue is not None
    text = _text(repo, config.catalogue)
    if text is None:
        raise Refused(
            f"{config.catalogue} does not exist", why=f'{FILE} says: catalogue = "{config.catalogue}"', fix="write it"
        )
    datasets = load_catalogue_file(text, where=config.catalogue)
    twice = sorted(config.datasets.keys() & datasets.keys())
    if twice:
        raise Refused(f"{twice[0]} is in {FILE} and in {config.catalogue}", fix="remove one of the two")
    return datasets


def _text(repo: Repo, name: str) -> str | None:
    try:
        return decode(read_regular(repo.root / name, most=LARGEST + 1))
    except FileNotFoundError:
        return None
    except NotUtf8 as error:
        raise GitexpError(f"{name}:{error.line}: {error}") from error
