"""Whether somebody still works on a run: its worker, its program, or who records it. Reads, and changes nothing.

A lock that is held proves life. One that is not proves death only on the kernel that granted it: cluster file systems
exist whose locks each node keeps to itself. So who takes a lock also writes into its file who he is, and touches it now
and then. On the same boot of the same machine the process is looked for; of another machine nothing is known but how
long it has been silent, on the file server's own clock.
"""

from __future__ import annotations

import os
import time

from gitexp import runfolder
from gitexp.regularfile import read_regular
from gitexp.worker import fastjson
from gitexp.worker.spawn import group_is_of_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

QUIET_S = 60.0  # without a sign of life for longer, it is said; a file server's caches may take as long
RECORDING_S = 600.0  # another machine that records a run shows itself more often than this
DEAD_S = 86400.0  # without a sign for so long another machine's run is over: suspended jobs wait for hours


class Life:
    """Somebody is, or may be, at work. `silent_s`: how long without a sign of it; 0: it is certain."""

    def __init__(self, host: str, silent_s: float) -> None:
        self.host = host
        self.silent_s = silent_s

    @property
    def is_silent(self) -> bool:
        return self.silent_s > QUIET_S


def worker_life(folder: str) -> Life | None:
    """Who runs the program of a run folder; None: nobody does, for all that can be known."""
    return _holder(folder, runfolder.WORKER_LOCK) or _program(folder)


def recorder_life(folder: str) -> Life | None:
    """Who submitted the run, or records it."""
    return _holder(folder, runfolder.RECORD_LOCK)


def program_lives(started: dict[str, Any], run_id: str) -> bool:
    """Whether a program that was started on this machine still runs."""
    pid = started.get("pid")
    return isinstance(pid, int) and _is_here(started, runfolder.identity()) and group_is_of_run(pid, run_id)


def _program(folder: str) -> Life | None:
    if os.path.exists(os.path.join(folder, runfolder.OUTCOME)):
        return None
    started = _read(folder, runfolder.STARTED)
    return Life(str(started.get("host")), 0.0) if program_lives(started, os.path.basename(folder)) else None


def _holder(folder: str, name: str) -> Life | None:
    if runfolder.is_held(folder, name):
        return Life(str(_read(folder, name).get("host", "")), 0.0)
    who, us = _read(folder, name), runfolder.identity()
    if not who or (who.get("boot") == us["boot"] == "" and who.get("host") == us["host"]):
        return None  # the lock is all there is
    host = str(who.get("host"))
    if _is_here(who, us):
        same = who.get("since") == runfolder.since(int(who["pid"]))
        return Life(host, 0.0) if same else None
    sign, now = _last_sign(folder), _now(folder)
    silent_s = abs(now - sign)
    if who.get("boot") == us["boot"]:
        # Another container of this machine: the kernel that says that the lock is free is the one that granted it.
        return Life(host, silent_s) if silent_s <= QUIET_S else None
    if host == us["host"] and sign < _booted():
        return None  # this machine, before it started anew
    ended = os.path.exists(os.path.join(folder, runfolder.OUTCOME))
    return Life(host, silent_s) if silent_s <= (RECORDING_S if ended else DEAD_S) else None


def _is_here(who: dict[str, Any], us: dict[str, Any]) -> bool:
    """Whether its process numbers are ours."""
    if "boot" not in who or not us["boot"]:
        return bool(who.get("host") == us["host"])
    return bool(who["boot"] == us["boot"] and who.get("space") == us["space"])


def _read(folder: str, name: str) -> dict[str, Any]:
    try:
        found = fastjson.loads(read_regular(os.path.join(folder, name), most=4096).decode())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("pid"), int) else {}


def _last_sign(folder: str) -> float:
    """When something in the folder was last written, or touched."""
    times = [0.0]
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                times.append(entry.stat(follow_symlinks=False).st_mtime)
    except OSError:
        pass
    return max(times)


def _now(folder: str) -> float:
    """The time by the clock that stamps the files there, which may be a server's."""
    path = os.path.join(os.path.dirname(folder), f".now-{os.getpid()}")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_EXCL, 0o600)
        try:
            return os.fstat(fd).st_mtime
        finally:
            os.close(fd)
            os.unlink(path)
    except OSError:
        return time.time()


def _booted() -> float:
    """When this machine started, by its own clock."""
    try:
        with open("/proc/uptime") as file:
            return time.time() - float(file.read().split()[0])
    except (OSError, ValueError):
        return 0.0
