"""Decide what of the user's terminal a program gets: pseudo-terminals where they have one, pipes elsewhere."""

from __future__ import annotations

import os

from gitexp.stages.execute import Terminal
from gitexp.stages.submit import Streams


def streams_for(*, stdout_fd: int) -> Streams:
    """Each stream that is a terminal becomes a pseudo-terminal of the program's own; the others pass through."""
    stdout, stderr = os.isatty(stdout_fd), os.isatty(2)
    # Where both go to one file or pipe (`> log 2>&1`), one pipe of ours keeps their order.
    together = not stdout and not stderr and _same_file(stdout_fd, 2)
    try:
        size = os.get_terminal_size(stdout_fd if stdout else 2)
        rows, columns = size.lines, size.columns
    except OSError:
        rows, columns = 24, 80
    return Streams(
        # With a pager behind our stdout the keys are the pager's.
        stdin="terminal" if os.isatty(0) and os.isatty(1) else "inherit",
        stdout="terminal" if stdout else "pipe",
        stderr="terminal" if stderr else "stdout" if together else "pipe",
        rows=rows or 24,
        columns=columns or 80,
    )


def _same_file(one: int, other: int) -> bool:
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False


def terminal_of(*, stdin: str, stdout: str, stdout_fd: int) -> Terminal:
    """What of the user's terminal a program has whose streams are these (as in job.json)."""
    display = stdout_fd if stdout == "terminal" else 2 if os.isatty(2) else None
    shared = not (os.isatty(1) and os.isatty(2))
    return Terminal(keyboard=0 if stdin == "terminal" else None, display=display, shared=shared)
