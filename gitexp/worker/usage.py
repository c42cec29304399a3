"""What the program's processes use of the machine while they run, as usage.csv. Needs /proc; elsewhere it sees nothing.

A look takes in the program, what it started, its process group, and whoever was seen before and still runs. CPU time
and bytes are counted from the start, so that rows can be left out; of memory a row has the most, of GPUs the mean of
busy and the most of memory, since the row before. GPUs are nvidia-smi's to ask, a process of its own: a driver that
hangs must not hold up what the program prints. What cannot be read is empty, and costs nothing else.
"""

from __future__ import annotations

import os

from gitexp import runfolder
from gitexp.worker.spawn import signal_group, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitexp.worker.disk import Disk

    Row = list[float | None]

EVERY_S = 2.0  # until the file is full; then twice that, and so on
LIMIT = 16 * 1024  # bytes of usage.csv
PAUSE_FOR_A_LOOK = 50  # times the CPU time that a look takes
MOST_ASKED = 500  # processes whose bytes are asked for, which takes a file more of each
GPU_LIMIT_S = 10.0
GPU_FAILURES = 3  # in a row, until nvidia-smi is left alone
COLUMNS = ("time_s", "cpu_s", "processes", "memory_bytes", "read_bytes", "written_bytes")
_QUERY = ["--query-gpu=index,utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
_KILL = 9


class Usage:
    """`due`: when the next look is, on the clock that `tick` is given. `pid`: of nvidia-smi, while it runs."""

    def __init__(self, disk: Disk, program: int, *, began: float, env: dict[str, str]) -> None:
        self.pid: int | None = None
        self.due = began
        self._disk = disk
        self._began = began
        self._every_s = EVERY_S
        self._gpus = _Gpus(env)
        self._answer: int | None = None  # where nvidia-smi's can be read
        self._asked_at = 0.0
        self._columns = list(COLUMNS)
        self._rows: list[Row] = []
        self._next: Row | None = None  # waits for what nvidia-smi says
        self._processes = _Processes(program)

    def tick(self, now: float) -> None:
        """Look, and write down what the last look saw."""
        if self.pid is not None and now - self._asked_at > GPU_LIMIT_S:
            signal_group(self.pid, _KILL)  # it is reaped when the driver lets go of it
        begun = os.times()
        seen = self._processes.look()
        if seen is None:
            self.due = float("inf")  # no /proc
            return
        self._put()
        self._next = [round(now - self._began, 3), *seen]
        if self.pid is None and (argv := self._gpus.command()):
            self._ask(argv, now)
        if self.pid is None:
            self._put()
        ended = os.times()
        cost = ended.user + ended.system - begun.user - begun.system
        self.due = now + max(self._every_s, cost * PAUSE_FOR_A_LOOK)

    def _ask(self, argv: list[str], now: float) -> None:
        ends: list[int] = []
        try:
            ends += os.pipe()
            ends.append(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
            self.pid = spawn(argv, env=dict(os.environ), cwd="/", streams=(ends[2], ends[1], ends[2]))
            os.set_blocking(ends[0], False)
            self._answer, self._asked_at = ends.pop(0), now
        except OSError:
            self._gpus.failed()
        finally:
            for end in ends:
                os.close(end)

    def reaped(self, status: int, cpu_s: float) -> None:
        """nvidia-smi has ended: what it says belongs to the look for which it was asked."""
        assert self._answer is not None
        self.pid, fd, self._answer = None, self._answer, None
        try:
            said = os.read(fd, 65536) if status == 0 else b""  # a line for each GPU: a pipe holds more
        except OSError:
            said = b""
        finally:
            os.close(fd)
        found = self._gpus.read(said)
        self.due = max(self.due, self._asked_at + cpu_s * PAUSE_FOR_A_LOOK)
        if self._next is not None:
            for name, value in found.items():
                if name not in self._columns:
                    self._columns.append(name)
                at = self._columns.index(name)
                self._next += [None] * (at + 1 - len(self._next))
                self._next[at] = value
            self._put()

    def end(self, now: float, cpu_s: float | None) -> None:
        """The program has ended, and used so much CPU time with those that it waited for."""
        if self.pid is not None:
            signal_group(self.pid, _KILL)
        self._put()
        self.due = float("inf")
        if self._rows:
            used = max(cpu_s or 0.0, self._rows[-1][1] or 0.0)
            self._next = [round(now - self._began, 3), round(used, 2), *[None] * 4]
            self._put()

    def _put(self) -> None:
        """Take a row in, and write the file anew; where it is full, two rows become one."""
        if self._next is None:
            return
        self._rows.append(self._next)
        self._next = None
        while len(text := self._text()) > LIMIT and len(self._rows) > 2:
            self._every_s *= 2
            odd = len(self._rows) % 2
            pairs = zip(self._rows[odd::2], self._rows[odd + 1 :: 2], strict=True)
            self._rows = [*self._rows[:odd], *(self._folded(one, other) for one, other in pairs)]
        self._disk.offer(runfolder.USAGE, text)

    def _folded(self, one: Row, other: Row) -> Row:
        row: Row = list(other)
        row += [None] * (len(one) - len(row))
        for at, before in enumerate(one):
            after, name = row[at], self._columns[at]
            if before is None:
                continue
            if after is None:
                row[at] = before
            elif name.endswith("_percent"):
                row[at] = round((before + after) / 2, 1)
            else:
                row[at] = max(before, after)
        return row

    def _text(self) -> bytes:
        rows = [[*row, *[None] * (len(self._columns) - len(row))] for row in self._rows]
        lines = [",".join("" if value is None else f"{value:.15g}" for value in row) for row in rows]
        return "\n".join([",".join(self._columns), *lines, ""]).encode()


class _Processes:
    """The program's, from one look to the next. What went without being waited for stays counted."""

    def __init__(self, program: int) -> None:
        self._program = program
        self._known: dict[int, tuple[int, int, list[float]]] = {}  # by number: start, parent, what it used until then
        self._gone = [0.0, 0.0, 0.0]  # used by those that nobody waited for: CPU time, bytes read, bytes written
        self._most = [0.0, 0.0, 0.0]

    def look(self) -> list[float | None] | None:
        """What COLUMNS has behind the time. None: there is no telling."""
        try:
            numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        except OSError:
            return None
        stats = {number: fields for number in numbers if (fields := _stat(number)) is not None}
        if self._program not in stats:
            return None if not stats else [None] * 5
        ours = self._ours(stats)
        pages = sum(int(stats[number][21]) for number in ours)
        living = sum(stats[number][0] not in (b"Z", b"X") for number in ours)
        known: dict[int, tuple[int, int, list[float]]] = {}
        moved = len(ours) <= MOST_ASKED
        for number in ours:
            fields = stats[number]
            used = [sum(map(int, fields[11:15])) / _TICKS, 0.0, 0.0]
            if moved and fields[0] not in (b"Z", b"X"):
                told = _moved(number)
                moved = told is not None
                used[1:] = told or (0.0, 0.0)
            elif number in self._known:
                used[1:] = self._known[number][2][1:]
            known[number] = int(fields[19]), int(fields[1]), used
        for number, (start, parent, used) in self._known.items():
            if (number not in known or known[number][0] != start) and parent not in self._known:
                self._gone = [one + more for one, more in zip(self._gone, used, strict=True)]
        self._known = known
        total = [sum(used[at] for _, _, used in known.values()) + self._gone[at] for at in range(3)]
        self._most = [max(pair) for pair in zip(self._most, total, strict=True)]
        cpu_s, read, written = self._most
        return [round(cpu_s, 2), living, pages * _PAGE, *((read, written) if moved else (None, None))]

    def _ours(self, stats: dict[int, list[bytes]]) -> list[int]:
        children: dict[int, list[int]] = {}
        found = {self._program}
        for number, fields in stats.items():
            children.setdefault(int(fields[1]), []).append(number)
            known = self._known.get(number)
            if int(fields[2]) == self._program or (known is not None and known[0] == int(fields[19])):
                found.add(number)
        waiting = list(found)
        for number in waiting:  # which grows
            new = [child for child in children.get(number, ()) if child not in found]
            found.update(new)
            waiting += new
        return list(found)


def _stat(number: int) -> list[bytes] | None:
    """The fields of /proc/N/stat from the third on: 0 state, 1 parent, 2 group, 11 to 14 CPU time of it and of those
    that it waited for, 19 start, 21 pages. None: it ended, or is not for our eyes."""
    try:
        with open(f"/proc/{number}/stat", "rb", buffering=0) as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields if len(fields) > 21 else None


def _moved(number: int) -> tuple[float, float] | None:
    """Bytes that a process, with those that it waited for, read from and wrote to disks. None: not for our eyes."""
    try:
        with open(f"/proc/{number}/io", "rb", buffering=0) as file:
            told = dict(line.split(b": ") for line in file.read().splitlines())
        return float(told[b"read_bytes"]), float(told[b"write_bytes"])
    except (FileNotFoundError, ProcessLookupError):
        return (0.0, 0.0) if os.path.exists("/proc/self/io") else None  # it ended meanwhile
    except (OSError, KeyError, ValueError):
        return None


class _Gpus:
    """Those that the program may use, as far as its environment says, by their numbers in nvidia-smi."""

    def __init__(self, env: dict[str, str]) -> None:
        asked = env.get("CUDA_VISIBLE_DEVICES")
        self._left = GPU_FAILURES if asked is None or asked.strip() not in ("", "-1", "NoDevFiles") else 0
        self._argv: list[str] | None = None
        self._only = [f"--id={asked}"] if asked else []
        self._path = env.get("PATH", os.defpath)

    def command(self) -> list[str] | None:
        """What to start. None: there is nothing to ask."""
        if self._argv is None and self._left:
            places = [os.path.join(folder, "nvidia-smi") for folder in self._path.split(os.pathsep) if folder]
            found = next((path for path in places if os.access(path, os.X_OK)), None)
            self._argv = [found, *self._only, *_QUERY] if found else []
        return self._argv if self._left and self._argv else None

    def failed(self) -> None:
        self._left -= 1

    def read(self, said: bytes) -> dict[str, float]:
        """Values by column. What a GPU does not tell ("[N/A]") is left out."""
        found: dict[str, float] = {}
        for line in said.decode("ascii", "replace").splitlines():
            fields = [field.strip() for field in line.split(",")]
            if len(fields) != 3 or not fields[0].isdecimal():
                continue
            for name, field, unit in (("percent", fields[1], 1), ("memory_bytes", fields[2], 1 << 20)):
                if field.isdecimal():
                    found[f"gpu{int(fields[0])}_{name}"] = float(int(field) * unit)
        self._left = GPU_FAILURES if found else self._left - 1
        return found
