"""Open what every reading command needs: the repository, its configuration, one object reader, the runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click

from gitexp import runfolder
from gitexp.cli.render import safe
from gitexp.clone import Clone, configured
from gitexp.datasets.place import Place
from gitexp.errors import GitexpError
from gitexp.git.objectreader import ObjectReader
from gitexp.git.repo import Repo, find_repo
from gitexp.history.select import History, UnknownRun
from gitexp.spec.config import Config


class Opened(NamedTuple):
    """A clone that is being read."""

    clone: Clone
    reader: ObjectReader
    history: History

    @property
    def repo(self) -> Repo:
        """Its repository."""
        return self.clone.repo

    @property
    def config(self) -> Config:
        """Its configuration."""
        return self.clone.config

    @property
    def place(self) -> Place:
        """Where its data is kept."""
        return self.clone.place


def settle_what_waits(repo: Repo, *, gone: str | None = None) -> None:
    """Record runs whose own command is gone, `gone` also where nobody but the user knows it (see settle_all).

    Loads what that takes only where a run folder is there at all.
    """
    try:
        waiting = os.listdir(runfolder.runs_folder(str(repo.common_dir)))  # noqa: PTH208 -- names are all we want
    except FileNotFoundError:
        return
    if not waiting:
        return
    from gitexp.pipelines.settle import settle_all
    from gitexp.record.message import ending

    settled = settle_all(repo, gone=gone)
    for run in settled.recorded:
        click.echo(f"recorded {safe(run.record.recipe)} {run.record.id} ({ending(run.record)})", err=True)
    for problem in settled.problems:
        click.echo(f"warning: {safe(problem)}", err=True)


def settled_clone() -> Clone:
    """The clone around the working folder, once what waits there is recorded. Raises GitexpError outside of one."""
    repo = find_repo(Path.cwd())
    settle_what_waits(repo)
    return configured(repo)


def warn(error: GitexpError) -> None:
    """What is the matter, where the command goes on all the same."""
    lines = [f"warning: {error.what}", *error.details, *filter(None, [error.why])]
    for text in [*lines, *(f"fix:   {fix}" for fix in error.fix.split("\n") if fix)]:
        click.echo(safe(text), err=True)


def leave_what_waits(repo: Repo) -> None:
    """For those who must not write, such as a shell that completes a word."""


@contextmanager
def opened_here(*, first: Callable[[Repo], None] = settle_what_waits) -> Iterator[Opened]:
    """The repository around the working folder, open for reading. Raises GitexpError outside of one."""
    repo = find_repo(Path.cwd())
    with ObjectReader(repo) as reader:
        first(repo)
        clone = configured(repo)
        history = History(clone, reader=reader, tell=warn)
        try:
            yield Opened(clone, reader, history)
        except UnknownRun as error:
            from gitexp.cli.running import not_yet

            raise not_yet(error, repo=repo) from error
