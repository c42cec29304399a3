"""Where we are: a repository, what gitexp.toml and git's configuration say there, its texts, the place of its data."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.place import Place
from gitexp.errors import Refused
from gitexp.git.repo import Repo, find_repo
from gitexp.regularfile import read_regular
from gitexp.spec.catalogue import DatasetRef
from gitexp.spec.config import Config, is_branch_name, load_config
from gitexp.text.bounded import LARGEST
from gitexp.text.encoding import NotUtf8, decode
from gitexp.text.schema import escaped, spell

FILE = "gitexp.toml"


class Clone(NamedTuple):
    """A repository and its effective configuration: what nearly everything needs to know."""

    repo: Repo
    config: Config

    @property
    def place(self) -> Place:
        """Where its data is kept."""
        return place_of(self.repo)


def open_clone(cwd: Path | None = None) -> Clone:
    """The clone around `cwd` (None: around the working folder). Raises GitexpError outside of one."""
    return configured(find_repo(Path.cwd() if cwd is None else cwd))


def configured(repo: Repo) -> Clone:
    """A repository with its configuration. Raises GitexpError, Refused for one that cannot be."""
    config = read_config(repo)
    return Clone(repo.signing() if config.policy.sign else repo, config)


def place_of(repo: Repo) -> Place:
    """Where a repository's data is kept."""
    return Place(repo.root, repo.common_dir, repo.settings)


def read_config(repo: Repo, *, read: Callable[[str], str | None] | None = None) -> Config:
    """The effective configuration: git config over gitexp.toml over defaults.

    `read`: from where the files come, by path; None: from the working tree.
    """
    read = read or partial(read_text, repo.root)
    config = load_config(read(FILE) or "")
    if config.catalogue is not None:
        config = config._replace(datasets={**config.datasets, **_catalogue(read(config.catalogue), config)})
    if config.remotes:
        from gitexp.spec.trust import remote_entry, trusted

        approved = trusted(repo.settings)
        config = config._replace(
            remotes={
                name: remote._replace(approved=remote_entry(remote) in approved)
                for name, remote in config.remotes.items()
            }
        )
    branch = repo.settings.get("gitexp.branch")
    if branch and not is_branch_name(branch):
        raise Refused(
            f"git config gitexp.branch: git takes {spell(branch)} for no branch's name",
            fix="git config gitexp.branch ANOTHER-NAME    or:  git config --unset gitexp.branch",
        )
    return config._replace(branch=branch) if branch else config


def _catalogue(text: str | None, config: Config) -> Mapping[str, DatasetRef]:
    from gitexp.spec.config import load_catalogue_file

    assert config.catalogue is not None
    if text is None:
        raise Refused(
            f"{config.catalogue} does not exist", why=f'{FILE} says: catalogue = "{config.catalogue}"', fix="write it"
        )
    datasets = load_catalogue_file(text, where=config.catalogue)
    twice = sorted(config.datasets.keys() & datasets.keys())
    if twice:
        raise Refused(f"{twice[0]} is in {FILE} and in {config.catalogue}", fix="remove one of the two")
    return datasets


def read_text(root: Path, name: str) -> str | None:
    """A file that somebody wrote; None where there is none. Raises Refused for what is no file, or not UTF-8."""
    try:
        return decode(read_regular(root / name, most=LARGEST + 1))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"{escaped(name)} cannot be read: {error.strerror}") from error
    except NotUtf8 as error:
        import shlex

        old = os.path.relpath(root / name)
        file, new = shlex.quote(old), shlex.quote(f"{old}.utf8")
        fix = f"iconv -f {error.encoding} -t UTF-8 -- {file} >{new} && mv -- {new} {file}"
        raise Refused(f"{escaped(name)}:{error.line}: {error}", fix=fix) from error
