"""Plays the submitting side: `drive.py FOLDER` attends the job in FOLDER, its streams being what our own are."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from gitexp.cli.live import LiveScreen, PlainScreen
from gitexp.cli.main import hold_standard_streams
from gitexp.cli.streams import terminal_of
from gitexp.executors import local
from gitexp.stages.execute import execute


def main(folder: Path) -> None:
    hold_standard_streams()
    job = json.loads((folder / "job.json").read_text())
    job["stdin"] = "terminal" if os.isatty(0) and os.isatty(1) else "inherit"
    job["stdout"] = "terminal" if os.isatty(1) else "pipe"
    job["stderr"] = "terminal" if os.isatty(2) else "pipe"
    if os.isatty(1):  # as `gitexp run` has it: what comes later reaches a program that may have looked already
        job["columns"], job["rows"] = os.get_terminal_size(1)
    (folder / "job.json").write_text(json.dumps(job))
    screen: LiveScreen | PlainScreen = PlainScreen(stdout_fd=1, stderr_fd=2)
    if os.isatty(1) and os.isatty(2):
        screen = LiveScreen(folder=str(folder), name="digits", stdout_fd=1)
    terminal = terminal_of(stdin=job["stdin"], stdout=job["stdout"], stdout_fd=1)
    with execute(str(folder), start=local.start, terminal=terminal, stdin=0) as running:
        running.attend(screen)
    if os.isatty(2):
        outcome = folder / "outcome.json"
        print(
            f"driven {json.loads(outcome.read_text())['exit_code'] if outcome.exists() else 'crashed'}", file=sys.stderr
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
