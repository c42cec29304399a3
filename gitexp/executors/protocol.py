"""What an executor is: a function that starts the worker of a run folder somewhere, and what that gives.

The folder is ready: code, data and orders (job.json) lie in it, and whatever the worker writes goes there. It is the
same folder on both sides, or a copy that the executor carries back before it says that all is said. All else is talk
with whoever watches, and the run goes on without it.
"""

from __future__ import annotations

from typing import Protocol


class Worker(Protocol):
    """A worker at work. Its descriptors speak gitexp.worker.frames, and are closed by whoever attends."""

    @property
    def reader(self) -> int:
        """What it says, for select and read. Ends with its outcome (frames.FINISHED), or with its death."""

    @property
    def writer(self) -> int:
        """What it is told, for select and write: keys, and sizes of the terminal."""

    def tell(self, number: int) -> None:
        """Pass on a signal: SIGINT, SIGTERM, SIGHUP, SIGTSTP or SIGCONT. Called by signal handlers; never raises."""

    def wait(self) -> None:
        """Return once nothing is left of it. It has said its outcome, or is dead."""


class Start(Protocol):
    """An executor."""

    def __call__(self, folder: str, *, stdin: int | None) -> Worker:
        """Start the worker of a run folder. `stdin`: what the program inherits; None: nothing. Raises OSError."""
