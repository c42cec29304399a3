"""Run a program to its end beside us, where nothing of it is to be left: whoever stops us stops it too."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import BinaryIO

GRACE_S = 10.0  # for a program that was told to end
_HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_to_end(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    output: BinaryIO | None = None,
    stop: signal.Signals = signal.SIGTERM,
    within_s: float | None = None,
    keep: Sequence[int] = (),
) -> int:
    """The exit code; of a program that died by a signal, minus its number. `output`: else it has our three streams.
    `keep`: descriptors that it has open, too.

    Where a handler of ours raises, or it takes longer than `within_s`, the program gets `stop` and some seconds before
    the exception goes on. Raises OSError where it cannot be started, subprocess.TimeoutExpired.
    """
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    # An exception while the program is being started would leave it behind, and nobody would know its number.
    ours = {number: handler for number in _HELD if callable(handler := signal.getsignal(number))}
    for number in ours:
        signal.signal(number, note)
    process = None
    try:
        try:
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=dict(env),
                stdin=None if output is None else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=keep,
            )
        finally:
            for number, handler in ours.items():
                signal.signal(number, handler)
        for missed in came:
            signal.raise_signal(missed)
        return process.wait(within_s)
    except BaseException:
        if process is not None:
            _end(process, stop)
        raise


def _end(process: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    process.send_signal(stop)
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
