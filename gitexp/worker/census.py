"""The Pythons and Rs among a program's processes, and which of them computes. Needs /proc; elsewhere it sees nothing.

Each look accounts for the CPU time since the last. What processes used that no look saw is known from the parents
that waited for them; it is taken for that of whoever came or went meanwhile, and is `unseen` where nobody did.
"""

from __future__ import annotations

import os

from gitexp.worker.interpreter import Found, from_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    Place = tuple[str, str]  # see interpreter.place_of

MOST_PROCESSES = 250  # that one look takes in
# What a launcher uses before it launches, at most, and what a loaded numeric library counts for: `dvc repro` starts
# for one or two seconds, and the training that it starts may be shorter than that.
HEAD_START_S = 3.0
IDLE = 0.1  # what a second of waiting counts for: enough to tell who sleeps from who waits for the sleeper
LEAST_UNSEEN_S = 0.05
_NUMERIC = (b"/libtorch", b"_multiarray_umath", b"/jaxlib/", b"/tensorflow/")
_NOTHING = ("", b"")
_TICKS = os.sysconf("SC_CLK_TCK")


class Times:
    """Of a process, in seconds of CPU time: its own, and that of its descendants that were waited for."""

    __slots__ = ("ended", "own", "start", "waited")

    def __init__(self, pid: int) -> None:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        self.ended = fields[0] in (b"Z", b"X")
        self.own = (int(fields[11]) + int(fields[12])) / _TICKS
        self.waited = (int(fields[13]) + int(fields[14])) / _TICKS
        self.start = int(fields[19])  # a number may be given anew, but not with this


class _Process:
    """A process between two looks. Another as soon as it executes another program."""

    __slots__ = ("above", "above_used", "before", "cpu", "place", "runs", "start")

    def __init__(self, start: int, runs: tuple[str, bytes], place: Place | None, above: Place | None) -> None:
        self.start, self.runs, self.place, self.above = start, runs, place, above
        self.before = self.cpu = 0.0  # in seconds: what it had used before it executed this, and until now
        self.above_used = 0.0  # by the launcher, when this was first seen


class Census:
    """What was seen until now. `named`: the interpreter that the command line names, which may be a launcher."""

    def __init__(self, program: int, named: Found | None, began: float) -> None:
        self.seen: dict[Place, Found] = {named.place: named} if named else {}
        self._program = program
        self._named = named
        self._looked = began
        self._processes: dict[int, _Process] = {}  # of the last look
        self._started_by: dict[Place, Place] = {}
        self._largest: dict[Place, _Process] = {}  # of other places, that a launcher has started
        self._used: dict[Place | None, float] = {}  # in seconds of CPU time; None: by other programs
        self._unseen = 0.0
        self._accounted = self._accounted_before = 0.0
        self._numeric: set[Place] = set()

    @property
    def leader(self) -> Found | None:
        """The one that computes, as far as can be told by now."""
        return max(self.seen.values(), key=self._rank, default=None)

    def _rank(self, found: Found) -> float:
        place, used = found.place, self._used.get(found.place, 0.0)
        if place in self._largest:  # a launcher, which has something to do afterwards, too
            used = (used - min(HEAD_START_S, self._largest[place].above_used)) / 2
        return used + (HEAD_START_S if place in self._numeric else 0.0)

    def launcher_of(self, found: Found) -> Found | None:
        """Which other one started it: the command line's, else the nearest."""
        started_by = self._started_by.get(found.place)
        launcher = self._named or (self.seen[started_by] if started_by else None)
        return launcher if launcher and launcher.place != found.place else None

    @property
    def doubtful(self) -> bool:
        """Whether what computed may have been seen by no look. Of a named script, the start may be all that it does."""
        rest = self._accounted - self._unseen
        if self._named and self._named.how == "shebang" and self.leader is self._named:
            rest -= min(HEAD_START_S, self._used.get(self._named.place, 0.0))
        return self._unseen > max(LEAST_UNSEEN_S, rest)

    def look(self, now: float) -> None:
        """Go through the program's processes, and those that were its once and still run."""
        alive: dict[int, _Process] = {}
        total = 0.0
        for root in (self._program, *self._processes):
            waiting: list[tuple[int, Place | None]] = [(root, None)]
            for pid, above in waiting:  # which grows
                if pid in alive or len(alive) >= MOST_PROCESSES:
                    continue
                try:
                    times = Times(pid)
                except OSError:
                    continue  # it ended meanwhile
                process = self._met(pid, times, above)
                if process is None or (pid == root != self._program and process.start != self._processes[pid].start):
                    continue  # it ended meanwhile, and another may have its number
                alive[pid] = process
                self._spend(process, times.own)
                total += times.own + times.waited
                waiting += [(child, process.place or above) for child in _children(pid)]
        self._account(now, total, alive)
        self._processes = alive
        if len(self.seen) > 1:
            for pid, process in alive.items():
                if process.place and process.place not in self._numeric and _has_numeric(pid):
                    self._numeric.add(process.place)

    def end(self, now: float) -> None:
        """Somebody has ended. Where it is the program: what it used, and those that it waited for."""
        program = self._processes.get(self._program)
        try:
            times = Times(self._program)
        except OSError:
            return
        if times.ended and program is not None:
            self._spend(program, times.own)
            self._account(now, times.own + times.waited, {self._program: program})

    def _met(self, pid: int, times: Times, above: Place | None) -> _Process | None:
        """The process that this is: known, or new. None: it has ended, and nobody knows what it was."""
        before = self._processes.get(pid)
        before = before if before and before.start == times.start else None
        runs = _runs(pid)
        if before is not None and runs in (before.runs, _NOTHING):
            return before
        if times.ended:
            return None
        above = before.place or above if before else above
        found = from_process(pid, runs[0], above=self.seen[above] if above else None)
        if found is not None and found.place not in self.seen:
            self.seen[found.place] = found
            if above:
                self._started_by[found.place] = above
        process = _Process(times.start, runs, found.place if found else None, above)
        process.above_used = self._used.get(above, 0.0)
        process.before = process.cpu = before.cpu if before else 0.0
        return process

    def _spend(self, process: _Process, own: float) -> None:
        self._credit(process.place, own - process.cpu)
        self._accounted += own - process.cpu
        process.cpu = own
        if process.place and process.above and process.above != process.place:
            largest = self._largest.setdefault(process.above, process)
            if process.cpu - process.before >= largest.cpu - largest.before:
                self._largest[process.above] = process

    def _credit(self, place: Place | None, seconds: float) -> None:
        self._used[place] = self._used.get(place, 0.0) + seconds

    def _account(self, now: float, total: float, alive: dict[int, _Process]) -> None:
        """Say whose the CPU time was that no process seen has used, and whose the time in which nobody computed."""
        known, pid = self._processes, self._program
        missing = max(0.0, total - self._accounted)
        gone = [one for number, one in known.items() if number != pid and alive.get(number) is not one]
        came = [one for number, one in alive.items() if number != pid and known.get(number) is not one]
        interpreters = [one for one in gone if one.place] or [one for one in came if one.place]
        if interpreters:
            self._credit(max(interpreters, key=lambda one: one.cpu).place, missing)
        elif gone or came:
            self._credit(None, missing)
        else:
            self._unseen += missing
        self._accounted += missing
        present = [one for one in (known or alive).values() if one.place]
        waiting = {one.above for one in present if one.above != one.place}
        idle = now - self._looked - (self._accounted - self._accounted_before)
        for place in {one.place for one in present} - waiting if idle > 0 else ():
            self._credit(place, idle * IDLE)
        self._looked, self._accounted_before = now, self._accounted


def _runs(pid: int) -> tuple[str, bytes]:
    """What a process executes, of which two virtual environments may have one. Nothing: it ended, or is another's."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"), file.read(4096)
    except OSError:
        return _NOTHING


def _has_numeric(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/maps", "rb") as file:
            mapped = file.read()
    except OSError:
        return False
    return any(name in mapped for name in _NUMERIC)


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return children
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                children += map(int, file.read().split())
        except OSError:
            continue  # a thread that ended meanwhile
    return children
