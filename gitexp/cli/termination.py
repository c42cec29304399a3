"""Let a command that is told to end clean up after itself, as Ctrl-C does. For commands that start programs."""

from __future__ import annotations

import signal
import sys
from types import FrameType

EXIT_STOPPED = 143


def exit_when_told() -> None:
    """Turn SIGTERM and SIGHUP into SystemExit: programs are ended, passing folders removed. A second one is ignored."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit)


def _exit(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(EXIT_STOPPED)
