"""The program's streams: what it prints goes to the record, the metrics and whoever attends; what they type goes in.

One pseudo-terminal serves every stream that is to be a terminal, so that stdout and stderr keep their order.
"""

from __future__ import annotations

import errno
import os

from gitexp.worker import frames, terminal
from gitexp.worker.disk import Disk
from gitexp.worker.front import ROOM, Front
from gitexp.worker.output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from gitexp.worker.matches import Matches

INPUT_ROOM = 64 * 1024
CLOSED_TERMINAL_S = 0.25


class Relay:
    """`readers` are the open ends of what the program prints, and which stream each is."""

    def __init__(self, disk: Disk, front: Front | None) -> None:
        self.front = front
        self.readers: dict[int, bytes] = {}
        self.master: int | None = None  # of the pseudo-terminal, where there is one
        self.closed_until = 0.0  # nobody had the terminal open when it was last read
        self.output = Output(disk.folder, disk)
        self._disk = disk
        self._matches: Matches | None = None
        self._input = bytearray()
        self._types = False

    def open(self, job: Mapping[str, Any]) -> tuple[tuple[int, int, int], int | None]:
        """The program's ends of its three streams, and its terminal's slave if any. stdin may be our own 0."""
        slave = None
        self._types = job["stdin"] == "terminal"
        if "terminal" in (job["stdin"], job["stdout"], job["stderr"]):
            self.master, slave = terminal.open_pair(job["rows"], job["columns"])
            self.readers[self.master] = frames.STDOUT if job["stdout"] == "terminal" else frames.STDERR
        ends = [slave if slave is not None and self._types else 0]
        for name, kind in (("stdout", frames.STDOUT), ("stderr", frames.STDERR)):
            if slave is not None and job[name] == "terminal":
                ends.append(slave)
            elif job[name] == "stdout":  # both go to the same place: one pipe keeps their order
                ends.append(ends[1])
            else:
                reader, writer = os.pipe()
                os.set_blocking(reader, False)
                self.readers[reader] = kind
                ends.append(writer)
        return (ends[0], ends[1], ends[2]), slave

    def look_for(self, patterns: Mapping[str, str], *, announced: bool) -> None:
        """Look for metrics. Patterns cost the import of re, hence once the program runs."""
        from gitexp.worker.matches import Matches

        self._matches = Matches(self._disk.folder, patterns, self._disk, announced=announced)

    def interest(self, now: float, *, ended: bool) -> tuple[list[int], list[int]]:
        """What to wait for: (to read, to write)."""
        reading: list[int] = []
        writing: list[int] = []
        if self.front and not self.front.gone:
            if len(self._input) < INPUT_ROOM:
                reading.append(self.front.reader)
            if self.front.waiting:
                writing.append(self.front.writer)
        # What is left when the program has ended is little: kept at once, however slow the reader.
        if ended or self.front is None or self.front.waiting < ROOM:
            reading += [fd for fd in self.readers if fd != self.master or ended or now >= self.closed_until]
        if self._input and self.master is not None:
            writing.append(self.master)
        return reading, writing

    def read(self, fd: int, now: float, *, time_s: float, ended: bool) -> int:
        """Take what the program printed; how many bytes that was."""
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return 0
        except OSError as error:
            if not ended:
                if fd != self.master or error.errno != errno.EIO:
                    raise
                self.closed_until = now + CLOSED_TERMINAL_S  # the program may open its terminal again
                return 0
            data = b""
        if not data:
            del self.readers[fd]
            if fd != self.master:
                os.close(fd)
            return 0
        kind = self.readers[fd]
        if self.front:
            self.front.send(kind, data)
        self.output.write(data)
        if self._matches:
            self._matches.feed(kind, data, time_s)
        return len(data)

    def write_input(self) -> None:
        """Pass on what was typed, as far as the terminal has room."""
        assert self.master is not None
        try:
            del self._input[: os.write(self.master, bytes(self._input[:4096]))]
        except BlockingIOError:
            pass
        except OSError:
            self._input.clear()  # nobody has the terminal open

    def hear(self, front: Front) -> int:
        """Take what the front says; how many of the keys typed were Ctrl-C."""
        interrupts = 0
        for kind, payload in front.receive():
            if self.master is None:
                continue
            if kind == frames.INPUT:
                interrupts += terminal.interrupts(self.master, payload)
                self._input += payload
            elif kind == frames.INPUT_END:
                self._end_input()
            elif kind == frames.SIZE:
                rows, columns = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big")
                terminal.resize(self.master, rows, columns)
        if front.gone:
            self._end_input()
        return interrupts

    def close(self, time_s: float, completed: bool) -> None:
        self.output.close()
        if self._matches:
            self._matches.close(time_s, completed=completed)

    def _end_input(self) -> None:
        """Whoever waits for a line gets the end of the file instead: nobody is left to type."""
        if self._types and self.master is not None:
            self._input += terminal.end_of_input(self.master)
