"""Run probe.py with the program's own Python while the program runs, and write down what it says: environment.json.

Where the program has no Python, or as long as none is seen, the worker's own describes the machine, and never itself:
`probed` stays null. A Python seen among the processes may be a passing one (uv asks interpreters what they are
before it starts one); so as long as the program runs, a later one replaces one that has ended.
"""

from __future__ import annotations

import os
import sys
import time

from gitexp import runfolder
from gitexp.worker import fastjson, interpreter
from gitexp.worker.disk import Disk
from gitexp.worker.interpreter import Found
from gitexp.worker.spawn import exit_of, signal_group, spawn

LIMIT_S = 10.0
MOST_PROBES = 4
# Imported rather than handed over as source, which would be compiled anew each time: 5 ms. The folder takes the place
# of the user's own at the head of the path, and the probe takes it off again.
_IMPORT_PROBE = (
    f"import sys; sys.path[:1] = [{os.path.dirname(os.path.abspath(__file__))!r}] + [p for p in sys.path[:1] if p]; "
    "import probe"
)
_FIRST_LOOK_S = 0.02
_LONGEST_ANSWER = 8 * 1024 * 1024
_KILL = 9


class Probing:
    """One probe at a time. The loop calls `read` when `fd` is readable, `reaped` when `pid` ended, `tick` at `due`."""

    def __init__(self, disk: Disk, options: dict[str, object], *, program: int, python: Found | None) -> None:
        self.pid: int | None = None
        self.fd: int | None = None
        self._disk = disk
        self._options = options
        self._program = program
        self._running: Found | None = None  # None while the machine alone is asked for
        self._next: Found | None = None
        self._last: Found | None = None
        self._machine: object = None  # what our own interpreter said of the machine
        self._machine_asked = False
        self._good = False  # environment.json holds what the program's own Python said
        self._error: str | None = None  # why the probe that is running, or just ran, failed
        self._problem: str | None = None  # the first such
        self._count = 0
        self._answer = b""
        self._begun = self._deadline = time.monotonic()
        self._look = None if python else self._begun + _FIRST_LOOK_S
        self._start(python)

    @property
    def busy(self) -> bool:
        return self.pid is not None

    @property
    def due(self) -> float | None:
        """When `tick` has something to do, on the monotonic clock."""
        times = [t for t in (self._look, self._deadline if self.busy else None) if t is not None]
        return min(times, default=None)

    def read(self) -> None:
        assert self.fd is not None
        try:
            part = os.read(self.fd, 65536)
        except BlockingIOError:
            return
        except OSError as error:
            self._error = str(error.strerror)
            part = b""
        self._answer += part
        if not part or len(self._answer) > _LONGEST_ANSWER:
            os.close(self.fd)
            self.fd = None

    def tick(self, now: float) -> None:
        if self.busy and now >= self._deadline:
            self.kill(f"no answer within {LIMIT_S:.0f} s")
        if self._look is not None and now >= self._look:
            self._look = now + max(_FIRST_LOOK_S, (now - self._begun) / 2)
            self._search()

    def program_ended(self) -> None:
        """There are no more processes to look at."""
        self._look = None

    def kill(self, why: str) -> None:
        """Give up the probe that is running; it is reaped like one that ended."""
        if self.pid is not None:
            self._error = why
            self._next = None
            if not signal_group(self.pid, _KILL):
                self.pid = None  # nobody is left to be reaped

    def reaped(self, status: int) -> None:
        """The probe ended: keep its answer, and start what waits."""
        assert self.pid is not None
        pid, self.pid = self.pid, None
        signal_group(pid, _KILL)  # what it started (nvidia-smi, say) and did not wait for
        while self.fd is not None:
            before = len(self._answer)
            self.read()
            if self.fd is not None and len(self._answer) == before:
                os.close(self.fd)
                self.fd = None
        self._keep(exit_of(status))
        following, self._next = self._next, None
        if following is not None:
            self._start(following)
        elif not self._good and not self._machine_asked:
            self._start(None)

    def _search(self) -> None:
        found = interpreter.from_processes(self._program)
        if found is None or self._count >= MOST_PROBES:
            return
        if self._last is not None and (found.path == self._last.path or os.path.exists(f"/proc/{self._last.process}")):
            return
        self._last = found
        self._count += 1
        if self.busy:
            self._next = found
        else:
            self._start(found)

    def _start(self, found: Found | None) -> None:
        """Run the probe with this interpreter; None: with ours, for the machine's sake."""
        if found is not None:
            argv, env, cwd, options = [found.path], found.env, found.cwd, self._options
        else:
            self._machine_asked = True
            argv, env, cwd = [sys.executable, "-I", "-S"], dict(os.environ), "/"
            options = {**self._options, "interpreter": False}
        self._running, self._error, self._answer = found, None, b""
        self._deadline = time.monotonic() + LIMIT_S
        argv += ["-B", "-c", _IMPORT_PROBE, fastjson.dumps(options)]
        ends: list[int] = []
        try:
            ends += os.pipe()
            ends.append(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
            self.pid = spawn(argv, env=env, cwd=cwd, streams=(ends[2], ends[1], ends[2]))
            os.set_blocking(ends[0], False)
            self.fd = ends.pop(0)
        except OSError as error:
            self._error = str(error.strerror)
        finally:
            for end in ends:
                os.close(end)
        if self.pid is None:
            self._keep(None)
            if not self._machine_asked:
                self._start(None)

    def _keep(self, ended: tuple[int | None, str | None] | None) -> None:
        """Write environment.json, unless what is there says more. `ended`: None where the probe did not even start."""
        answer: object = None
        if ended is not None and self._error is None:
            try:
                answer = fastjson.loads(self._answer.decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                pass
            if ended != (0, None):
                self._error = f"the probe ended with {ended[1] or ended[0]}"
            elif not isinstance(answer, dict):
                self._error = "the probe's answer is not a JSON object"
        found = self._running
        if self._error is not None:
            answer = None
            self._problem = self._problem or f"{found.path if found else 'machine'}: {self._error}"
        elif found is not None:
            self._good = True
            self._write({"probed": found.path, "how": found.how, "result": answer, "error": None})
            return
        else:
            self._machine = answer
        if not self._good:
            self._write({"probed": None, "how": "none", "result": self._machine, "error": self._problem})

    def _write(self, document: dict[str, object]) -> None:
        self._disk.write(runfolder.ENVIRONMENT, fastjson.dumps(document).encode())
