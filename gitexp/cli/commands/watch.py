"""`gitexp watch`: runs in progress and the newest ones, drawn anew as they go on."""

from __future__ import annotations

import os
import sys
import time
from contextlib import redirect_stderr, suppress
from io import StringIO
from pathlib import Path

import click

from gitexp.cli.choice import Choice, choosing_options
from gitexp.cli.opened import Opened, opened_here
from gitexp.cli.page import write
from gitexp.cli.render import Screen, safe, screen
from gitexp.cli.running import folder_of
from gitexp.cli.watchpage import Going, watch_page
from gitexp.errors import GitexpError
from gitexp.git.repo import Repo, find_repo
from gitexp.history.row import Row
from gitexp.history.select import UnknownRun
from gitexp.stages.inprogress import runs_in_progress, used_so_far

RECORDED = 10
SETTLE_S = 10.0  # how often what others left behind is recorded, and what arrived is seen


@click.command("watch")
@choosing_options
@click.option("--every", "every_s", type=click.FloatRange(min=0.2), default=1.0, help="Seconds between two looks.")
def command(choice: Choice, every_s: float) -> int:
    """Watch the runs in progress, their metrics growing, and the runs recorded last. Ctrl-C leaves the runs alone.

    RUN is the beginning of a run's id, or the name of a recipe: only these are shown. Of the recorded runs it may be
    whatever `gitexp log` takes, and --where chooses among them. Runs of other machines that share this clone are there
    too. Where stdout is no terminal, the page is printed once.
    """
    repo = find_repo(Path.cwd())
    page = _Watched(repo, choice)
    if choice.where or choice.remote:
        with opened_here() as here:
            page.recorded(here)  # whether it can be read is told at once
    if not sys.stdout.isatty() or os.environ.get("TERM", "") in ("", "dumb"):
        write(page.now(screen(repo.settings)))
        return 0
    try:
        _live(page, every_s)
    except KeyboardInterrupt:
        pass  # the way to leave it
    write(page.now(screen(repo.settings)))
    return 0


def _live(page: _Watched, every_s: float) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)

    def drawn() -> Text:
        return Text.from_ansi(page.now(screen(page.repo.settings)), no_wrap=True, overflow="crop")

    with Live(drawn(), console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(every_s)
            live.update(drawn(), refresh=True)


class _Watched:
    """What there is to see. What is recorded is read anew when a run begins or ends, and every ten seconds."""

    def __init__(self, repo: Repo, choice: Choice) -> None:
        self.repo = repo
        self._choice = choice
        self._recorded: list[Row] = []
        self._said: list[str] = []
        self._ids: set[str] | None = None
        self._next = 0.0

    def now(self, on: Screen) -> str:
        """The page as it is by now."""
        common = str(self.repo.common_dir)
        running = runs_in_progress(common)
        ids = {run.id for run in running}
        if ids != self._ids or time.monotonic() >= self._next:
            self._read()
            running = runs_in_progress(common)
            self._ids, self._next = {run.id for run in running}, time.monotonic() + SETTLE_S
        wanted = [run for run in running if self._wanted(run.id, run.recipe)]
        shown = [Going(run, used_so_far(folder_of(run.id, repo=self.repo))) for run in wanted]
        if self._said and on.height is not None:
            on = on._replace(height=max(8, on.height - len(self._said)))
        said = list(self._said)
        if self._choice.words and not shown and not self._recorded:  # it may come yet, or be a slip
            names = safe(" or ".join(self._choice.words))
            said.append(f"no run and no recipe is called {names}, of those in progress and of the recorded")
        return watch_page(shown, self._recorded, on=on, now=time.time()) + "".join(f"{w}\n" for w in said)

    def _wanted(self, run_id: str, recipe: str) -> bool:
        words = self._choice.words
        return not words or any(run_id.startswith(word) or recipe == word.removeprefix("@") for word in words)

    def recorded(self, here: Opened) -> list[Row]:
        """The newest recorded runs that were chosen. Raises GitexpError."""
        from gitexp.history.choosing import choose, chosen_by, means_several

        _, where, smoke, retracted, remote = self._choice
        history = here.history.at(remote)
        if not self._choice.words:
            return history.runs.rows(
                chosen_by(history.runs, where=where, smoke=smoke, retracted=retracted), limit=RECORDED
            )
        named = set[str]()
        for word in filter(means_several, self._choice.words):
            with suppress(UnknownRun):  # none yet
                named.update(row.commit for row in choose(history, [word], smoke=smoke, retracted=retracted))
        every = history.runs.rows(chosen_by(history.runs, where=where, smoke=True, retracted=True))
        return [row for row in every if row.commit in named or self._wanted(row.id, row.recipe)][:RECORDED]

    def _read(self) -> None:
        said = StringIO()
        with redirect_stderr(said):  # which would draw over the page
            try:
                with opened_here() as here:
                    self._recorded = self.recorded(here)
                    here.history.runs.say_what_is_lost()
            except (GitexpError, OSError) as error:  # a branch that somebody holds, a disk: the runs go on
                said.write(error.what if isinstance(error, GitexpError) else str(error))
        self._said = [safe(line) for line in said.getvalue().splitlines()][-3:]
