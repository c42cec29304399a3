"""A signal that asks a training to stop: noted at once, obeyed between two steps, when all is safe in a checkpoint."""

from __future__ import annotations

import os
import signal


class Stop:
    """Ctrl-C and SIGTERM. `signal` is the one that came; None: none has."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def listen(self) -> None:
        """From here on signals are noted. Those that the parent ignores stay ignored; the second one ends at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)

    def _note(self, number: int, frame: object) -> None:
        asked_before = self.signal is not None
        self.signal = number
        if asked_before:
            self.now()

    def now(self) -> None:
        """End by the signal that came, so that whoever waits for this process sees why it ended."""
        number = self.signal or signal.SIGTERM
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
