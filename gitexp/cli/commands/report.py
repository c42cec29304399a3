"""`gitexp report`: runs as one HTML page that can be mailed."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

import gitexp
from gitexp.cli.choice import Choice, choosing_options, chosen_rows
from gitexp.cli.opened import Opened, opened_here
from gitexp.cli.page import place, write, write_file
from gitexp.cli.render import safe, size
from gitexp.errors import GitexpError, counted
from gitexp.git.repo import find_repo, revision
from gitexp.history.choosing import chosen_by
from gitexp.history.reproduced import verdicts
from gitexp.history.row import Row
from gitexp.history.said import said_of
from gitexp.history.select import UnknownRun

if TYPE_CHECKING:
    from gitexp.report.document import Made
    from gitexp.report.material import Material

EVERY_S = 5  # how often --watch writes, and its page loads itself anew


@click.command("report")
@choosing_options
@click.option("-o", "output", metavar="FILE", default="report.html", show_default=True, help="Where; `-`: stdout.")
@click.option("--title", metavar="TEXT", help="What stands above the page.")
@click.option("--force", is_flag=True, help="Write over a file that is no report.")
@click.option("--watch", is_flag=True, help="Write it again and again, runs in progress too, until Ctrl-C.")
def command(choice: Choice, output: str, title: str | None, force: bool, watch: bool) -> int:
    """Write one HTML page of the runs: it opens without a network, prints, and can be mailed.

    It has the table of runs, groups of replicates, curves, any two keys against each other, parallel coordinates, the
    best so far, any two runs side by side, failures and compute by recipe, and use of resources. Without RUN it is of
    all runs.

    \b
    gitexp report -o sweep.html
    gitexp report @digits-mlp --where 'optimizer.lr < 0.1'
    gitexp report --watch
    """
    from gitexp.report.material import Material

    pages = _Pages(choice, title, Material())
    if output == "-":
        if watch:
            raise GitexpError("A page on stdout cannot be written again", fix="gitexp report --watch -o report.html")
        write(pages.now()[0])
        return 0
    path = _writable(Path(output), force=force)
    try:
        if watch:
            _watch(pages, path)
    except KeyboardInterrupt:
        pass  # the way to leave it; the page that stays does not load itself anew
    said = _write(pages, path)
    click.echo(f"{safe(str(path))}: {said}", err=True)
    return 0


def _watch(pages: _Pages, path: Path) -> None:
    click.echo(f"{safe(str(path))} is written every {EVERY_S} seconds; Ctrl-C ends that", err=True)
    while True:
        _write(pages, path, refresh_s=EVERY_S)
        time.sleep(EVERY_S)


def _writable(path: Path, *, force: bool) -> Path:
    from gitexp.report.page import MARK

    place(path, usual="report.html", option="gitexp report -o")
    if path.exists() and not force:
        with path.open("rb") as file:
            if file.read(len(MARK)) != MARK.encode():
                raise GitexpError(
                    f"{path} is there, and is no report of gitexp's",
                    why="Reports are written over; another file only with --force.",
                    fix="gitexp report -o OTHER.html",
                )
    return path


def _write(pages: _Pages, path: Path, *, refresh_s: int | None = None) -> str:
    text, many = pages.now(refresh_s)
    content = text.encode()
    write_file(path, content, repo=find_repo(Path.cwd()))
    return f"{counted(many, 'run')}, {size(len(content))}"


class _Pages:
    """The page of what was chosen, as often as it is asked for."""

    def __init__(self, choice: Choice, title: str | None, material: Material) -> None:
        self._choice = choice
        self._title = title
        self._material = material

    def now(self, refresh_s: int | None = None) -> tuple[str, int]:
        """The page as of now, and how many runs it has. With `refresh_s` also of runs in progress."""
        from gitexp.report.claims import claims
        from gitexp.report.document import Asked, document
        from gitexp.report.material import goals_of
        from gitexp.report.page import page

        with opened_here() as here:
            rows = self._rows(here, watched=refresh_s is not None)
            there = here.history.at(self._choice.remote).seen
            smoke, retracted = self._left_out(here, len(rows)) if self._choice.everything else (0, 0)
            found = self._material.of(here.reader, rows)
            if refresh_s is not None and self._choice.everything:
                found = [*self._material.in_progress(str(here.repo.common_dir)), *found]
            said = said_of(there, [row.id for row in rows])
            goals = goals_of(here.reader, rows, here.config.goal)
            out = {one for one, those in said.items() if those.retracted}
            asked = Asked(
                title=self._title or f"Runs of {here.repo.root.name}",
                made=self._made(here),
                goals=goals,
                smoke=smoke,
                retracted=retracted,
                events=[*there.events(), *verdicts(there)],
                claims=claims(here.reader, found, goals=goals, out=out),
                said=said,
                named=not self._choice.everything,
                watch=refresh_s is not None,
            )
        return page(document(found, asked, safe=safe), refresh_s=refresh_s), len(found)

    def _rows(self, here: Opened, *, watched: bool) -> list[Row]:
        try:
            return chosen_rows(here, self._choice)
        except UnknownRun:
            if watched:
                return []  # there will be some
            raise

    def _left_out(self, here: Opened, shown: int) -> tuple[int, int]:
        """How many smoke runs, and how many others that were retracted."""
        runs = here.history.of_remote(self._choice.remote)
        every, others = (runs.count(chosen_by(runs, smoke=some, retracted=True)) for some in (True, self._choice.smoke))
        return every - others, others - shown

    def _made(self, here: Opened) -> Made:
        from gitexp.report.document import Made

        tip = here.history.of_remote(self._choice.remote).tip
        remote = f"{self._choice.remote}/" if self._choice.remote else ""
        typed = {"--where": self._choice.where, "--remote": self._choice.remote}
        options = [word for name, value in typed.items() if value for word in (name, value)]
        options += [f"--{name}" for name in ("smoke", "retracted") if getattr(self._choice, name)]
        return Made(
            at=time.time(),
            gitexp=gitexp.__version__,
            branch=remote + here.history.branch,
            tip=tip.commit[:12] if tip else "-",
            code=(revision(here.repo, "HEAD") or "")[:12],
            command=shlex.join(["gitexp", "report", *self._choice.words, *options]),
        )
