"""Open what every reading command needs: the repository, its configuration, one object reader, the runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click

from gitexp import runfolder
from gitexp.cli.render import safe
from gitexp.errors import GitexpError
from gitexp.git.repo import ObjectReader, Repo, finish, finish_find, followed, parse_config, start, start_find
from gitexp.history.select import History, UnknownRun
from gitexp.model.config import Config
from gitexp.stages.configure import read_config


class Opened(NamedTuple):
    """A repository that is being read. `settings` are git's, `goals` gitexp.toml's."""

    repo: Repo
    settings: Mapping[str, str]
    goals: Mapping[str, str]
    reader: ObjectReader
    history: History
    config: Config


def settle_what_waits(repo: Repo, settings: Mapping[str, str], *, gone: str | None = None) -> None:
    """Record runs whose own command is gone, `gone` also where nobody but the user knows it (see settle_all).

    Loads what that takes only where a run folder is there at all.
    """
    try:
        waiting = os.listdir(runfolder.runs_folder(str(repo.common_dir)))  # noqa: PTH208 -- names are all we want
    except FileNotFoundError:
        return
    if not waiting:
        return
    from gitexp.model.message import ending
    from gitexp.pipelines.settle import settle_all

    settled = settle_all(repo, settings=settings, gone=gone)
    for run in settled.recorded:
        click.echo(f"recorded {safe(run.record.recipe)} {run.record.id} ({ending(run.record)})", err=True)
    for problem in settled.problems:
        click.echo(f"warning: {safe(problem)}", err=True)


def warn(error: GitexpError) -> None:
    """What is the matter, where the command goes on all the same."""
    lines = [f"warning: {error.what}", *error.details, *filter(None, [error.why])]
    for text in [*lines, *(f"fix:   {fix}" for fix in error.fix.split("\n") if fix)]:
        click.echo(safe(text), err=True)


def leave_what_waits(repo: Repo, settings: Mapping[str, str]) -> None:
    """For those who must not write, such as a shell that completes a word."""


@contextmanager
def opened_here(*, first: Callable[[Repo, Mapping[str, str]], None] = settle_what_waits) -> Iterator[Opened]:
    """The repository around the working folder, open for reading. Raises GitexpError outside of one."""
    cwd = Path.cwd()
    searching, listing = start_find(cwd), start(cwd, "config", "-z", "--list")
    try:
        repo = finish_find(searching, cwd)
    except GitexpError:
        listing.communicate()
        raise
    settings = followed(parse_config(finish(listing)))
    with ObjectReader(repo) as reader:
        first(repo, settings)
        config = read_config(repo, settings)
        goals, branch = config.goal, config.branch
        history = History(repo, reader=reader, branch=branch, goals=goals, settings=settings, tell=warn)
        try:
            yield Opened(repo, settings, config.goal, reader, history, config)
        except UnknownRun as error:
            from gitexp.cli.running import not_yet

            raise not_yet(error, repo=repo) from error
