"""`gitexp watch`: runs in progress and the newest ones, drawn anew as they go on."""

from __future__ import annotations

import os
import sys
import time
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import click

from gitexp import runfolder
from gitexp.cli.opened import opened_here
from gitexp.cli.page import write
from gitexp.cli.render import Screen, safe, screen
from gitexp.cli.table import completing
from gitexp.cli.watchpage import Going, going, watch_page
from gitexp.errors import GitexpError
from gitexp.git.repo import Repo, find_repo
from gitexp.history.row import Row
from gitexp.stages.inprogress import runs_in_progress

RECORDED = 10
SETTLE_S = 10.0  # how often what others left behind is recorded, and what arrived is seen


@click.command("watch")
@click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=completing("run"))
@click.option("--every", "every_s", type=click.FloatRange(min=0.2), default=1.0, help="Seconds between two looks.")
def command(runs: tuple[str, ...], every_s: float) -> int:
    """Watch the runs in progress, their metrics growing, and the runs recorded last. Ctrl-C leaves the runs alone.

    RUN is the beginning of a run's id, or the name of a recipe: only these are shown. Runs of other machines that
    share this clone are there too. Where stdout is no terminal, the page is printed once.
    """
    repo = find_repo(Path.cwd())
    page = _Watched(repo, runs)
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

    def __init__(self, repo: Repo, chosen: tuple[str, ...]) -> None:
        self.repo = repo
        self._chosen = chosen
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
        shown: list[Going] = [
            going(run, Path(runfolder.runs_folder(common), run.id))
            for run in running
            if self._wanted(run.id, run.recipe)
        ]
        if self._said and on.height is not None:
            on = on._replace(height=max(8, on.height - len(self._said)))
        return watch_page(shown, self._recorded, on=on, now=time.time()) + "".join(f"{w}\n" for w in self._said)

    def _wanted(self, run_id: str, recipe: str) -> bool:
        return not self._chosen or any(run_id.startswith(word) or recipe == word for word in self._chosen)

    def _read(self) -> None:
        said = StringIO()
        with redirect_stderr(said):  # which would draw over the page
            try:
                with opened_here() as here:
                    rows = here.history.runs.all()
                self._recorded = [row for row in rows if self._wanted(row.id, row.recipe)][:RECORDED]
            except (GitexpError, OSError) as error:  # a branch that somebody holds, a disk: the runs go on
                said.write(error.what if isinstance(error, GitexpError) else str(error))
        self._said = [safe(line) for line in said.getvalue().splitlines()][-3:]
