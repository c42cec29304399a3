"""Ask the interpreter that computes what it is, with probe.py, while the program runs, and write down what it says.

The command line's is asked at once: it is nearly always the one. Looks at the processes may find another, which is
asked as soon as it leads (see census.py), and when the program has ended at the latest. Where there is none, or it does
not answer, the worker's own Python describes the machine, and never itself: `probed` stays null.
"""

from __future__ import annotations

import os
import sys
import time

from gitexp import runfolder
from gitexp.worker import fastjson
from gitexp.worker.disk import Disk
from gitexp.worker.interpreter import Found, place_of
from gitexp.worker.spawn import exit_of, signal_group, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gitexp.worker.census import Census, Place

LIMIT_S = 10.0
MOST_PROBES = 4
MOST_TOLD = 20
# Imported rather than handed over as source, which would be compiled anew each time: 5 ms. The folder takes the place
# of the user's own at the head of the path, and the probe takes it off again.
IMPORT_PROBE = (
    f"import sys; sys.path[:1] = [{os.path.dirname(os.path.abspath(__file__))!r}] + [p for p in sys.path[:1] if p]; "
    "import probe"
)
_FIRST_LOOK_S = 0.02
_FIRST_LOOK_BEYOND_S = 0.05  # where the command line names an interpreter: it cannot have started another before
_LONGEST_PAUSE_S = 2.0
_PAUSE_FOR_A_LOOK = 50  # times the CPU time of the look
LONGEST_ANSWER = 8 * 1024 * 1024
_KILL = 9


class Probing:
    """One probe at a time. The loop calls `read` when `fd` is readable, `reaped` when `pid` ended, `tick` at `due`."""

    def __init__(self, disk: Disk, options: dict[str, object], *, program: int, python: Found | None) -> None:
        self.pid: int | None = None
        self.fd: int | None = None
        self._disk = disk
        self._options = options
        self._program = program
        self._named = python
        self._census: Census | None = None
        self._running: Found | None = None  # None while the machine alone is asked for
        self._asked: set[Place] = set()
        self._answers: dict[Place, dict[str, Any]] = {}
        self._left = MOST_PROBES
        self._machine: dict[str, Any] | None = None  # what our own interpreter said of the machine
        self._machine_asked = False
        self._written: dict[str, object] = {}
        self._error: str | None = None  # why the probe that is running, or just ran, failed
        self._problem: str | None = None  # the first such
        self._answer = b""
        self._begun = self._deadline = time.monotonic()
        self._look: float | None = self._begun + (_FIRST_LOOK_BEYOND_S if python else _FIRST_LOOK_S)
        self._go_on()

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
        if not part or len(self._answer) > LONGEST_ANSWER:
            os.close(self.fd)
            self.fd = None

    def tick(self, now: float) -> None:
        if self.busy and now >= self._deadline:
            self.kill(f"no answer within {LIMIT_S:.0f} s")
        if self._look is not None and now >= self._look:
            self._look = None  # whatever comes of this one
            census = self._counted()
            begun = time.process_time()
            census.look(now)
            cost = time.process_time() - begun
            pause = max(_FIRST_LOOK_S, min((now - self._begun) / 10, _LONGEST_PAUSE_S), cost * _PAUSE_FOR_A_LOOK)
            self._look = now + pause
            self._go_on()

    def program_ends(self) -> None:
        """Somebody has ended. Where it is the program: a last look, at what it used in all, before it is reaped."""
        if self._census is not None:
            self._census.end(time.monotonic())

    def program_ended(self) -> None:
        """There are no more processes to look at."""
        self._look = None
        self._left = max(self._left, 1)
        self._go_on()

    def hurry(self) -> None:
        """Nobody waits for more."""
        self._left = 0
        self.kill("not waited for")

    def kill(self, why: str) -> None:
        """Give up the probe that is running; it is reaped like one that ended."""
        if self.pid is not None:
            self._error = why
            if not signal_group(self.pid, _KILL):
                self.pid = None  # nobody is left to be reaped

    def reaped(self, status: int) -> None:
        """The probe ended: keep its answer, and go on."""
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
        self._go_on()

    def _counted(self) -> Census:
        if self._census is None:
            from gitexp.worker.census import Census

            self._census = Census(self._program, self._named, self._begun)
        return self._census

    def _go_on(self) -> None:
        """Ask whoever leads by now, if that was not done, or write down what is known."""
        leader = self._census.leader if self._census else self._named
        while not self.busy:
            if leader and leader.place not in self._asked | self._answers.keys() and self._left > 0:
                self._left -= 1
                self._asked.add(leader.place)
                self._start(leader)
            elif not self._machine_asked and (leader is None or leader.is_r or leader.place not in self._answers):
                self._machine_asked = True
                self._start(None)
            else:
                break
        self._tell(leader)

    def _start(self, found: Found | None) -> None:
        """Run the probe with this interpreter; None: with ours, for the machine's sake."""
        env, cwd, options = dict(os.environ), "/", {**self._options, "interpreter": False}
        argv = [sys.executable, "-I", "-S"]
        if found is not None:
            argv, env, cwd, options = [found.path, *found.options], found.env, found.cwd, self._options
        if found is not None and found.is_r:
            from gitexp.worker.rsession import SOURCE

            argv += ["-e", SOURCE]
        else:
            argv += ["-B", "-c", IMPORT_PROBE, fastjson.dumps(options)]
        self._running, self._error, self._answer = found, None, b""
        self._deadline = time.monotonic() + LIMIT_S
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

    def _keep(self, ended: tuple[int | None, str | None] | None) -> None:
        """Understand what the probe said. `ended`: None where it did not even start."""
        found, answer = self._running, None
        if ended is not None and self._error is None:
            answer = self._understood(found)
            if ended != (0, None):
                self._error = f"the probe ended with {ended[1] or ended[0]}"
            elif answer is None:
                self._error = "the probe's answer is not " + ("complete" if found and found.is_r else "a JSON object")
        if self._error is not None or answer is None:
            self._problem = self._problem or f"{found.path if found else 'machine'}: {self._error}"
        elif found is None:
            self._machine = answer
        else:
            self._answers[found.place] = answer
            executable = (answer.get("interpreter") or {}).get("executable")
            if isinstance(executable, str):  # which is another file where a shim was asked
                self._answers.setdefault(place_of(executable), answer)

    def _understood(self, found: Found | None) -> dict[str, Any] | None:
        if found is not None and found.is_r:
            from gitexp.worker.rsession import understood

            return understood(self._answer)
        try:
            answer = fastjson.loads(self._answer.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None
        return answer if isinstance(answer, dict) else None

    def _tell(self, leader: Found | None) -> None:
        """Write environment.json, where there is more to say than it says."""
        answer = self._answers.get(leader.place) if leader else None
        document: dict[str, object]
        if leader is not None and answer is not None:
            named = self._named if self._named and self._answers.get(self._named.place) is answer else leader
            result = {**(self._machine or {}), **answer} if leader.is_r else answer
            document = {"probed": named.path, "how": named.how, "result": result, "error": None}
        elif self.busy:
            return
        else:
            document = {"probed": None, "how": "none", "result": self._machine, "error": self._problem}
        if self._census is not None and leader is not None:
            document |= self._beside(self._census, leader, answer)
        if document != self._written:
            self._written = document
            self._disk.write(runfolder.ENVIRONMENT, fastjson.dumps(document).encode())

    def _beside(self, census: Census, leader: Found, answer: dict[str, Any] | None) -> dict[str, object]:
        """What is known of the interpreters that did not compute, and whether that is certain."""

        def told(found: Found) -> dict[str, object]:
            said = self._answers.get(found.place, {})
            facts: dict[str, object] = {key: said[key] for key in ("interpreter", "packages") if key in said}
            return {"path": found.path, "how": found.how, **facts}

        launcher = census.launcher_of(leader)
        others = {one.place: one for one in census.seen.values() if one is not leader}
        if answer is not None:  # the same by another name
            others = {place: one for place, one in others.items() if self._answers.get(place) is not answer}
        found: dict[str, object] = {}
        if launcher is not None and others.pop(launcher.place, None) is not None:
            found["launcher"] = told(launcher)
        if others:
            found["others"] = [told(one) for one in list(others.values())[:MOST_TOLD]]
        return {**found, "doubt": True} if census.doubtful else found
