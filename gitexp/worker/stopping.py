"""Asking the program to stop: everything goes to its whole process group, and who asked first for good is the reason.

Ctrl-C is passed on each time, since some programs live with it (a debugger); three in quick succession kill.
After SIGTERM, SIGHUP and the time limit the group has some seconds to finish, then it is killed.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # see spawn.py

from gitexp.worker.spawn import signal_group

GRACE_S = 30.0
IMPATIENCE = 3
IMPATIENCE_S = 5.0  # between one Ctrl-C and the next


class Stopping:
    """`deadline` is when something is due, on the monotonic clock: the time limit at first, later the kill."""

    def __init__(self, group: int, *, deadline: float | None, grace_s: float) -> None:
        self.reason: str | None = None
        self.deadline = deadline
        self.final = False  # the group as a whole is to end
        self._group = group
        self._grace_s = grace_s
        self._interrupts = 0
        self._last_interrupt = float("-inf")

    def interrupted(self, now: float, *, times: int = 1) -> None:
        """The program got, or is about to get, SIGINT from elsewhere."""
        for _ in range(times):
            quick = now - self._last_interrupt <= IMPATIENCE_S
            self._interrupts = self._interrupts + 1 if quick else 1
            self._last_interrupt = now
        if times:
            self.reason = self.reason or "SIGINT"
        if self._interrupts >= IMPATIENCE:
            signal_group(self._group, _signal.SIGKILL)

    def interrupt(self, now: float) -> None:
        signal_group(self._group, _signal.SIGINT)
        self.interrupted(now)

    def stop(self, reason: str, now: float) -> None:
        """`reason`: "SIGTERM", "SIGHUP" or "timeout"."""
        signal_group(self._group, _signal.SIGHUP if reason == "SIGHUP" else _signal.SIGTERM)
        signal_group(self._group, _signal.SIGCONT)  # a suspended program cannot finish
        if not self.final:
            self.final = True
            self.reason = reason  # even after a Ctrl-C that it survived
            self.deadline = now + self._grace_s

    def tick(self, now: float) -> None:
        if self.deadline is None or now < self.deadline:
            return
        if self.final:
            self.deadline = None
            signal_group(self._group, _signal.SIGKILL)
        else:
            self.stop("timeout", now)
