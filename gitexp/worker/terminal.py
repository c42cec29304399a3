"""The program's pseudo-terminal, as the worker sees it: it holds the master, the program's streams are the slave.

The worker is a session leader and makes the slave its controlling terminal. The program's process group, the
foreground, then has a parent in its session, so that Ctrl-Z works: the kernel ignores it in orphaned groups.
"""

from __future__ import annotations

import fcntl
import os
import sys
import termios

_IUTF8 = 0o40000 if sys.platform == "linux" else 0  # termios has no name for it before Python 3.13
_LFLAG, _CC = 3, 6


def open_pair(rows: int, columns: int) -> tuple[int, int]:
    """(master, slave). The slave becomes the controlling terminal of this process, which must lead its session."""
    master, slave = os.openpty()
    resize(master, rows, columns)
    settings = termios.tcgetattr(slave)
    settings[0] |= _IUTF8  # so that erasing a character of several bytes at an input() erases all of it
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    os.set_blocking(master, False)
    return master, slave


def resize(master: int, rows: int, columns: int) -> None:
    """Tell the program, with SIGWINCH. A terminal that does not know its size (0 by 0) is passed on as it is."""
    termios.tcsetwinsize(master, (rows, columns))


def interrupts(master: int, typed: bytes) -> int:
    """How many of the bytes typed will make the terminal send SIGINT."""
    settings = termios.tcgetattr(master)
    if not settings[_LFLAG] & termios.ISIG:
        return 0
    return typed.count(settings[_CC][termios.VINTR])


def end_of_input(master: int) -> bytes:
    """The byte that ends a line-wise read: there is nobody left to type."""
    character = termios.tcgetattr(master)[_CC][termios.VEOF]
    return bytes(character)
