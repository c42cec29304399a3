"""Run a submitted job to its end: start its worker, show what the program prints, pass on keys, signals and sizes.

The record is the worker's affair. This side may be slow, be suspended or be killed, and the run goes on; if the worker
dies, this returns, and the run folder has no outcome.json.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gitexp.worker import frames

if TYPE_CHECKING:
    from gitexp.executors.protocol import Start, Worker

TICK_S = 1.0
_STREAMS = {frames.STDOUT: 1, frames.STDERR: 2}
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Screen(Protocol):
    """Where the program's output goes. Never raises because nobody reads any more."""

    def write(self, stream: int, data: bytes) -> None:
        """Show bytes of stdout (1) or stderr (2)."""

    def tick(self) -> None:
        """About a second has passed."""

    def erase(self) -> None:
        """Leave nothing of our own on the terminal: somebody else writes next."""


class Terminal(NamedTuple):
    """The user's terminal, as far as the program is to have it. Descriptors; None: that part is not a terminal."""

    keyboard: int | None = None  # where the job's stdin is "terminal"; in raw mode while the program runs
    display: int | None = None  # the program's terminal gets its size
    shared: bool = False  # others (a pipeline's next program) write to it too: raw mode keeps turning LF into CR LF


def execute(folder: str, *, start: Start, terminal: Terminal, stdin: int | None = None) -> Running:
    """Have the job in `folder` started. `stdin`: what the program inherits where its job says so; None: an empty one.

        with execute(folder, start=local.start, terminal=terminal) as running:
            …                                               # the program runs; signals reach it; its output waits
            running.attend(screen)                          # returns when its outcome is there, or its worker dead

    Left by an exception, the run goes on without us.
    """
    return Running(folder, start, terminal, stdin)


class Running:
    """The user's side of a run: their signals, their terminal's modes and size. Everything is put back on exit."""

    def __init__(self, folder: str, start: Start, terminal: Terminal, stdin: int | None) -> None:
        self.keyboard = terminal.keyboard
        self.terminal = terminal
        self.screen: Screen | None = None
        self.cooked: list[Any] | None = None  # the terminal's own settings
        self.raw = False
        self.finished = False
        self.outcome: bytes | None = None  # as the worker says it, in case no disk took it
        self.handlers: dict[int, Any] = {}
        self.missed: list[int] = []  # signals that came before there was a worker
        self.outgoing = bytearray()
        self.received = bytearray()
        self.size = (0, 0)
        self.worker: Worker | None = None
        self.catch_signals()
        try:
            self.worker = start(folder, stdin=stdin)
        except BaseException:
            self.let_go()
            raise
        self.reader, self.writer, self.wait = self.worker.reader, self.worker.writer, self.worker.wait
        for number in self.missed:
            self.tell(number)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *error: object) -> None:
        self.restore()
        self.let_go()
        os.close(self.reader)
        os.close(self.writer)
        if self.finished:
            self.wait()

    # Signals. They are passed on as signals and at once, for the loop may be waiting for a slow reader.

    def catch_signals(self) -> None:
        self.wake, self.waker = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(self.waker, False)
        self.wakeup_before = signal.set_wakeup_fd(self.waker, warn_on_full_buffer=False)
        for number in (*_STOPS, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH):
            # Ignored from outside (nohup, a shell without job control) stays ignored, here and in the program.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self.handlers[number] = signal.signal(number, self.on_signal)

    def let_go(self) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self.wakeup_before)
        os.close(self.wake)
        os.close(self.waker)

    def on_signal(self, number: int, frame: object) -> None:
        if number in _STOPS:
            self.tell(number)

    def tell(self, number: int) -> None:
        if self.worker is None:
            self.missed.append(number)
        else:
            self.worker.tell(number)

    def suspend(self, target: int) -> None:
        """Stop as Ctrl-Z stops (`target`: a process, 0 for our whole job), and go on when continued."""
        if self.screen is not None:
            self.screen.erase()
        self.restore()
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(target, signal.SIGTSTP)
        # Here again after `fg` or `bg`; or at once, where there is no job control and nobody could continue us.
        signal.signal(signal.SIGTSTP, handler)
        self.tell(signal.SIGCONT)
        self.look_at_terminal()

    def on_wake(self) -> None:
        numbers = set(os.read(self.wake, 4096))
        if signal.SIGTSTP in numbers:
            self.tell(signal.SIGTSTP)
            self.suspend(os.getpid())
        if signal.SIGCONT in numbers:
            self.raw = False  # whoever stopped us may have set the terminal otherwise
        if numbers & {signal.SIGCONT, signal.SIGWINCH}:
            self.look_at_terminal()

    # The user's terminal.

    def look_at_terminal(self) -> None:
        """Raw mode while we are in the foreground; from the background it is not ours to touch. And its size."""
        if self.keyboard is not None and not self.raw and _in_foreground(self.keyboard):
            self.enter_raw(self.keyboard)
        if self.terminal.display is not None:
            try:
                size = os.get_terminal_size(self.terminal.display)
            except OSError:
                return
            if (size.lines, size.columns) != self.size:
                self.size = (size.lines, size.columns)
                self.outgoing += frames.frame(frames.SIZE, frames.size_payload(*self.size))

    def enter_raw(self, keyboard: int) -> None:
        import termios
        import tty

        try:
            if self.cooked is None:
                self.cooked = termios.tcgetattr(keyboard)
            self.raw = True
            tty.setraw(keyboard, termios.TCSADRAIN)
            if self.terminal.shared:
                settings = termios.tcgetattr(keyboard)
                settings[1] |= termios.OPOST
                termios.tcsetattr(keyboard, termios.TCSADRAIN, settings)
        except termios.error:
            self.raw, self.keyboard = False, None  # the terminal is gone

    def restore(self) -> None:
        if not self.raw or self.keyboard is None or self.cooked is None:
            return
        import termios

        self.raw = False
        if _in_foreground(self.keyboard):
            with suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(self.keyboard, termios.TCSADRAIN, self.cooked)

    # The loop.

    def attend(self, screen: Screen) -> None:
        """Show, pass on, and return when the outcome is there, or the worker dead. The terminal is as it was then."""
        self.screen = screen
        os.set_blocking(self.writer, False)
        self.look_at_terminal()
        next_tick = time.monotonic() + TICK_S
        while not self.finished:
            reading = [self.reader, self.wake]
            if self.keyboard is not None and self.raw and not self.outgoing:
                reading.append(self.keyboard)
            writing = [self.writer] if self.outgoing else []
            wait = max(0.0, next_tick - time.monotonic())
            readable, writable, _ = select.select(reading, writing, [], wait)
            if self.wake in readable:
                self.on_wake()
            if writable:
                self.send()
            if self.keyboard in readable and self.raw:
                self.read_keys(self.keyboard)
            if self.reader in readable:
                self.receive(screen)
            if time.monotonic() >= next_tick:
                self.look_at_terminal()  # a shell moves a running job to the foreground without telling it
                screen.tick()
                next_tick = time.monotonic() + TICK_S
        screen.erase()
        self.restore()

    def receive(self, screen: Screen) -> None:
        """Take what the worker says."""
        data = os.read(self.reader, 256 * 1024)
        self.received += data
        for kind, payload in frames.take(self.received):
            if kind in _STREAMS:
                screen.write(_STREAMS[kind], payload)
            elif kind == frames.STOPPED:
                self.suspend(0)
            elif kind == frames.FINISHED:
                self.finished, self.outcome = True, payload
        self.finished = self.finished or not data

    def send(self) -> None:
        try:
            del self.outgoing[: os.write(self.writer, bytes(self.outgoing[:65536]))]
        except BlockingIOError:
            pass
        except OSError:
            self.outgoing.clear()  # the worker is gone; what it still said comes first

    def read_keys(self, keyboard: int) -> None:
        try:
            typed = os.read(keyboard, 4096)
        except OSError:
            typed = b""
        self.outgoing += frames.frame(frames.INPUT if typed else frames.INPUT_END, typed)
        if not typed:
            self.restore()
            self.keyboard = None


def _in_foreground(terminal: int) -> bool:
    """Whether the terminal is ours to read and to set. True where it is not our controlling terminal at all."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return True
