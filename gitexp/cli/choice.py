"""Which runs a command is about: the words and options that all such commands have."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import click

from gitexp.cli.opened import Opened
from gitexp.cli.table import completing
from gitexp.history.row import Row
from gitexp.history.select import UnknownRun


class Choice(NamedTuple):
    """Which runs a command is about, as it was typed."""

    words: tuple[str, ...] = ()
    where: str = ""
    smoke: bool = False
    retracted: bool = False
    remote: str | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing was chosen."""
        return not self.words and not self.where


def choosing_options(command: Callable[..., int]) -> Callable[..., int]:
    """`[RUN…] --where … --smoke --retracted --remote`, for a command that takes them as `choice`."""

    @wraps(command)
    def with_choice(
        runs: tuple[str, ...], where: str, smoke: bool, retracted: bool, remote: str | None, **options: Any
    ) -> int:
        return command(choice=Choice(runs, where, smoke, retracted, remote), **options)

    for decorate in reversed(
        [
            click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=completing("run")),
            click.option("--where", default="", metavar="EXPR", help="Only runs that fit, such as 'val.acc > 0.9'."),
            click.option("--smoke", is_flag=True, help="Smoke runs too."),
            click.option("--retracted", is_flag=True, help="Retracted runs too."),
            click.option("--remote", metavar="NAME", help="The runs as last fetched from this remote."),
        ]
    ):
        with_choice = decorate(with_choice)
    return with_choice


def fitting_rows(here: Opened, choice: Choice, *, attempts: bool = False) -> list[Row]:
    """The runs that were chosen, which may be none."""
    from gitexp.history.choosing import choose

    return choose(
        here.history,
        choice.words,
        where=choice.where,
        smoke=choice.smoke,
        retracted=choice.retracted,
        attempts=attempts,
        remote=choice.remote,
    )


def chosen_rows(here: Opened, choice: Choice) -> list[Row]:
    """The runs that a command is about. Raises GitexpError where there is none."""
    rows = fitting_rows(here, choice)
    if rows:
        return rows
    if choice.everything and (there := here.history.at(choice.remote)).runs.count() == 0:
        raise there.no_runs()
    smoke = "" if choice.smoke else " (smoke runs are left out without --smoke)"
    raise UnknownRun(f"No run fits{smoke}", fix="gitexp log    lists the runs there are")
