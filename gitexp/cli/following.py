"""Print what a run in progress prints, line by line as it comes, until it has ended. Touches nothing of the run.

Control characters are escaped, colours go, of a progress bar its end counts. On a terminal a line that is not ended yet
stands below the others and is drawn anew.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from gitexp import runfolder
from gitexp.cli.opened import opened_here
from gitexp.cli.page import write
from gitexp.cli.pageparts import STATUS_STYLE
from gitexp.cli.render import coloured, cut, duration, safe
from gitexp.cli.running import folder_of
from gitexp.git.repo import Repo
from gitexp.history.read import read_run, settled_lines
from gitexp.record.message import ending
from gitexp.stages.inprogress import look_at
from gitexp.worker.output import Tail

LAST_LINES = 10  # of what was printed before
LOOK_S = 0.2
STATE_S = 2.0
RECORDING_S = 30.0  # how long its own command may take to record it, until we say how it ended without the record
LONGEST_LINE = 1 << 16
_GOING = ("running", "silent", "unattended")


def follow(repo: Repo, run_id: str) -> int:
    """Follow the run's output to its end, and say how it ended. Returns 0, however that was."""
    folder = folder_of(run_id, repo=repo)
    tail, lines, screen = Tail(str(folder)), Lines(), _Screen()
    told_missed = 0
    state, next_state, quiet = "running", 0.0, False
    first = True
    while True:
        if time.monotonic() >= next_state:
            found = look_at(folder)
            state, next_state = "gone" if found is None else found.state, time.monotonic() + STATE_S
        ended = state not in _GOING or (folder / runfolder.OUTCOME).exists() or not folder.exists()
        new = lines.take(tail.read())  # whatever came until then: the outcome is the last that is written
        if tail.missed > told_missed:
            screen.say(f"[gitexp: {tail.missed - told_missed} bytes went by too fast]")
            told_missed = tail.missed
        if first and len(new) > LAST_LINES:
            screen.say(f"… {len(new) - LAST_LINES} lines before: gitexp show {run_id} --output")
            new = new[-LAST_LINES:]
        first = False
        screen.put(new, lines.unfinished)
        if state == "silent" and not quiet:
            quiet = True
            screen.say("no sign of life for a while; it may be suspended: gitexp status")
        if ended:
            break
        time.sleep(LOOK_S)
    screen.put([lines.unfinished] if lines.unfinished else [], "")
    _tell_end(folder, run_id)
    return 0


def _tell_end(folder: Path, run_id: str) -> None:
    until = time.monotonic() + RECORDING_S
    while folder.exists() and time.monotonic() < until and (folder / runfolder.OUTCOME).exists():
        time.sleep(LOOK_S)  # whoever started it records it
    with opened_here() as here:  # which records what nobody else will
        row = here.history.select(run_id)
        record = read_run(here.reader, row.commit).record
    words = ending(record) if record is not None else row.status
    took = "" if row.duration_s is None else f", took {duration(row.duration_s)}"
    ended = coloured(safe(words), STATUS_STYLE.get(row.status, "red"))
    click.echo(f"{safe(row.recipe)} {run_id} {ended}{took}", err=True)


class Lines:
    """Bytes as they come, to lines that are safe to print. `unfinished`: the last one, as far as it is there."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def unfinished(self) -> str:
        return _shown(self._rest)

    def take(self, data: bytes) -> list[str]:
        whole, ended, rest = (self._rest + data).rpartition(b"\n")
        found = [_shown(line) for line in whole.split(b"\n")] if ended else []
        if len(rest) > LONGEST_LINE:
            found.append(_shown(rest))
            rest = b""
        bar = rest.rstrip(b"\r")
        self._rest = bar.rpartition(b"\r")[2] + rest[len(bar) :]
        return found


def _shown(line: bytes) -> str:
    return safe(settled_lines(line), lines="kept")


class _Screen:
    """stdout: lines, and on a terminal the one that is not finished below them."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._below = ""

    def put(self, lines: list[str], below: str) -> None:
        below = below.expandtabs() if self._terminal else ""
        if not lines and below == self._below:
            return
        text = ("\r\x1b[K" if self._below else "") + "".join(f"{line}\n" for line in lines)
        if below:
            from gitexp.cli.render import screen

            text += cut(below, (screen({}).width or 80) - 1)
        self._below = below
        write(text)

    def say(self, words: str) -> None:
        """A word of ours, which is no line of the run."""
        if self._below:
            self.put([], "")
        click.echo(words, err=True)
