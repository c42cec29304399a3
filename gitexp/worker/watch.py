"""One job, from its job.json to its outcome.json: start the program, relay and keep what it prints, enforce its limits.

A select loop without threads. Whoever attends may be slow (the program then waits, as behind a plain pipe), may be
suspended, may die: the program goes on. So it does whatever the worker itself cannot do, a bug included: each thing is
tried alone, and the outcome says what failed. Signals to the worker are meant for the program, and go on to its group.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # see spawn.py
import errno
import os
import select
import sys
import time

from gitexp import runfolder
from gitexp.worker import fastjson, frames, interpreter
from gitexp.worker.disk import Disk
from gitexp.worker.front import Front
from gitexp.worker.probing import Probing
from gitexp.worker.relay import Relay
from gitexp.worker.spawn import Unnoted, exit_of, group_lives, signal_group, spawn
from gitexp.worker.stopping import GRACE_S, Stopping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gitexp.worker.usage import Usage

ERROR = "worker-error.txt"
ROOM = "outcome.room"  # what a full disk may not take: outcome.json gets its place when the program has ended
ROOM_BYTES = 8192
HEARTBEAT_S = 2.0
FIRST_USAGE_S = 2.0  # of a shorter program nothing is measured, and nothing loaded that could
FIRST_LOOK_S = 0.02  # at files that may be emptied; the next comes after a tenth of the time since the start
QUIET_S = 0.3  # after the program ended: how long without output until a daemon that holds its pipe is left behind
LEFT_OVER = 2 * 1024 * 1024  # what such a daemon may still say, at most
GROUP_LOOK_S = 0.1
UNMEASURED_S = 60.0  # after what the program uses could not be measured, until it is tried again
BREATH_S = 0.05  # after something failed, so that what fails each time does not take the machine
MOST_SAID = 5  # failures that the record tells

_HANDLED = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGTSTP, _signal.SIGCONT)


def run(folder: str, front: tuple[int, int] | None) -> int:
    """Do a run folder's job. The process's exit code says nothing but 70 for a bug, which is then in the folder."""
    try:
        lock = runfolder.lock_waiting(folder, runfolder.WORKER_LOCK)
        Watch(folder, lock, Front(*front) if front else None).run()
    except BaseException:  # noqa: BLE001  # the outermost frame: what else could tell anybody?
        import traceback

        try:
            os.unlink(os.path.join(folder, ROOM))  # where the disk is full, these words need its place
        except OSError:
            pass
        runfolder.write_whole(folder, ERROR, traceback.format_exc().encode())
        return 70
    return 0


class Watch:
    """A job in progress. Times are on the monotonic clock, but `started`."""

    def __init__(self, folder: str, lock: int, front: Front | None) -> None:
        self.folder = folder
        self.disk = Disk(folder)
        self.lock = lock
        self.front = front
        with open(os.path.join(folder, runfolder.JOB), encoding="utf-8") as file:
            self.job: dict[str, Any] = fastjson.loads(file.read())
        self.wake = _listen()
        self.relay = Relay(self.disk, front)
        self.probing: Probing | None = None
        self.usage: Usage | None = None
        self.stopping = Stopping(0, deadline=None, grace_s=GRACE_S)
        self.wait: Callable[[int, int], tuple[Any, ...]] = os.waitpid
        self.pid = 0
        self.env: dict[str, str] = {}  # the program's
        self.status: int | None = None  # the wait status, once the program has ended
        self.peak_memory_bytes: int | None = None
        self.over = False  # the program has ended, and what else has to end with it
        self.left_over = 0
        self.suspended_with_front = False
        self.metric_files: dict[str, Any] = self.job.get("metric_files", {})  # by name: path, size at the start
        self.rewritten: list[str] = []  # those that were ever shorter than that, or gone
        self.next_heartbeat = self.next_look = 0.0
        self.stumbled = False  # since the last wait
        self.started = time.time()
        self.began = self.ended = self.last_data = time.monotonic()
        self.next_usage = self.began + FIRST_USAGE_S

    def run(self) -> None:
        runfolder.write_to(self.lock, fastjson.dumps(runfolder.identity()).encode())
        error = self.start()
        while error is None and not self.done():
            self.attempt("go on", self.step)
        self.finish(error)

    def start(self) -> OSError | None:
        """Start the program and the probe. Returns why it could not be executed."""
        job = self.job
        given = {**os.environ, **job["env"], "GITEXP_STARTED": repr(self.started)}
        self.env = env = {name: value for name, value in given.items() if value is not None}
        python = interpreter.from_argv(job["argv"], env, job["cwd"])
        streams, slave = self.relay.open(job)
        runfolder.write_whole(self.folder, ROOM, b"." * ROOM_BYTES)
        try:
            self.pid = spawn(
                job["argv"],
                env=env,
                cwd=job["cwd"],
                streams=streams,
                terminal=slave,
                note=self.note,
                umask=job.get("umask"),
            )
        except OSError as error:
            return error
        finally:
            for fd in set(streams) - {0} | ({slave} if slave is not None else set()):
                os.close(fd)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)  # who writes to the program's stdin must see it closed when the program closes it
            os.close(nothing)
        deadline = None if job["timeout_s"] is None else self.began + job["timeout_s"]
        self.stopping = Stopping(self.pid, deadline=deadline, grace_s=job.get("grace_s", GRACE_S))
        self.attempt("measure the program's memory", self.prepare_to_reap)
        self.attempt("look for the program's Python and metrics", self.look_on, python)
        return None

    def prepare_to_reap(self) -> None:
        """os.wait4 imports a module once it has a child's end, which is lost where no file can be opened by then."""
        import resource  # noqa: F401

        self.wait = os.wait4

    def look_on(self, python: interpreter.Found | None) -> None:
        self.probing = Probing(self.disk, self.job["probe"], program=self.pid, python=python)
        if self.job["patterns"] or self.job.get("announced"):
            self.relay.look_for(self.job["patterns"], announced=bool(self.job.get("announced")))

    def note(self, pid: int) -> tuple[str, str]:
        """Make ready the words that there is a run; the program itself says them."""
        document = {**runfolder.identity(pid), "started": self.started}
        try:
            runfolder.write_whole(self.folder, runfolder.STARTING, fastjson.dumps(document).encode())
        except OSError as error:
            raise Unnoted(f"{error.strerror}: {runfolder.STARTED}") from error
        return os.path.join(self.folder, runfolder.STARTING), os.path.join(self.folder, runfolder.STARTED)

    def done(self) -> bool:
        if not self.over:
            return False
        if self.relay.readers and self.left_over < LEFT_OVER and time.monotonic() < self.last_data + QUIET_S:
            return False
        return self.probing is None or not self.probing.busy

    def step(self) -> None:
        """Wait for the next thing to happen and see to it."""
        now = time.monotonic()
        relay, probe = self.relay, self.probing.fd if self.probing else None
        reading, writing = relay.interest(now, ended=self.status is not None)
        reading += [self.wake] if probe is None else [self.wake, probe]
        readable, writable = self.ready(reading, writing, max(0.0, self.due(now) - now))
        now = time.monotonic()
        if self.wake in readable:
            self.attempt("pass on a signal", self.on_wake, now)
        if self.front and self.front.writer in writable:
            self.attempt("show what the program printed", self.front.flush)
        if self.front and self.front.reader in readable:
            self.attempt("pass on what was typed", self.on_front, self.front, now)
        if relay.master in writable:
            self.attempt("pass on what was typed", relay.write_input)
        for fd in readable:
            if fd in relay.readers:
                self.attempt("read what the program printed", self.on_output, fd, now)
        if self.probing and probe in readable and self.probing.fd == probe:
            self.attempt("read what the environment is", self.probing.read)
        self.on_time(now)

    def ready(self, reading: list[int], writing: list[int], wait_s: float) -> tuple[list[int], list[int]]:
        """What can be read and written. Where the system does not tell, all is tried: nothing of it blocks."""
        if self.stumbled:
            self.stumbled = False
            time.sleep(BREATH_S)
        try:
            return select.select(reading, writing, [], wait_s)[:2]
        except (OSError, ValueError):
            time.sleep(BREATH_S)
            return reading, writing

    def attempt(self, what: str, do: Callable[..., object], *args: object) -> None:
        """Do something for the record's sake, or for whoever attends. That it fails is noted, and nothing else."""
        try:
            do(*args)
        except Exception as error:  # noqa: BLE001  # the program goes on, whatever it is
            self.stumbled = True
            reason = error.strerror if isinstance(error, OSError) else error
            words = f"gitexp could not {what}: {reason or type(error).__name__}"
            if words not in self.disk.notes and len(self.disk.notes) < MOST_SAID:
                self.disk.notes.append(words)
                if not isinstance(error, OSError):
                    import traceback

                    self.disk.write(ERROR, traceback.format_exc().encode())

    def on_wake(self, now: float) -> None:
        try:
            numbers = os.read(self.wake, 4096)
        except BlockingIOError:
            return
        for number in numbers:
            self.on_signal(number, now)

    def on_front(self, front: Front, now: float) -> None:
        self.stopping.interrupted(now, times=self.relay.hear(front))

    def due(self, now: float) -> float:
        """When something happens by itself."""
        times = [self.next_heartbeat, *([self.next_look] if self.metric_files else [])]
        times += [self.next_usage] if self.status is None else []
        if self.stopping.deadline is not None:
            times.append(self.stopping.deadline)
        if self.probing and self.probing.due is not None:
            times.append(self.probing.due)
        if self.relay.closed_until > now:
            times.append(self.relay.closed_until)
        if self.over and self.relay.readers:
            times.append(self.last_data + QUIET_S)
        elif self.status is not None and not self.over:
            times.append(now + GROUP_LOOK_S)
        return min(times)

    def on_time(self, now: float) -> None:
        if self.metric_files and now >= self.next_look:
            self.next_look = now + min(HEARTBEAT_S, max(FIRST_LOOK_S, (now - self.began) / 10))
            self.attempt("look at the metric files", self.look_at_files)
        if now >= self.next_heartbeat:
            self.next_heartbeat = now + HEARTBEAT_S
            self.disk.sign_of_life(self.lock)
            self.disk.retry()
            self.attempt("see what ended", self.reap, now)  # should the byte that says so have been lost
        if self.status is None and now >= self.next_usage:
            self.next_usage = now + UNMEASURED_S
            self.attempt("measure what the program uses", self.measure, now)
        if self.probing:
            self.attempt("find out what the environment is", self.probing.tick, now)
        if not self.over:
            self.attempt("stop the program", self.stopping.tick, now)
            # Asked to stop for good, the program is over when its whole group is: a shell dies at once of the
            # signal for which the training below it still writes its last checkpoint.
            if self.status is not None and not (self.stopping.final and group_lives(self.pid)):
                self.over = True
                self.stopping.deadline = None
                self.last_data = now

    def measure(self, now: float) -> None:
        if self.usage is None:
            from gitexp.worker.usage import Usage

            self.usage = Usage(self.disk, self.pid, began=self.began, env=self.env)
        self.usage.tick(now)
        self.next_usage = self.usage.due

    def look_at_files(self) -> None:
        """See which were emptied or removed: they may begin at the end with all that they had at the start."""
        for name, (path, size) in list(self.metric_files.items()):
            try:
                shorter = os.stat(path).st_size < size
            except OSError as error:
                shorter = error.errno == errno.ENOENT
            if shorter:
                self.rewritten.append(name)
                del self.metric_files[name]

    def on_output(self, fd: int, now: float) -> None:
        size = self.relay.read(fd, now, time_s=now - self.began, ended=self.status is not None)
        if size:
            self.last_data = now
        if self.over:
            self.left_over += size

    def on_signal(self, number: int, now: float) -> None:
        if number == _signal.SIGCHLD:
            self.reap(now)
        elif self.over:
            if self.probing and number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
                self.probing.hurry()
        elif number == _signal.SIGINT:
            self.stopping.interrupt(now)
        elif number == _signal.SIGTERM:
            self.stopping.stop("SIGTERM", now)
        elif number == _signal.SIGHUP:
            self.stopping.stop("SIGHUP", now)
        elif number in (_signal.SIGTSTP, _signal.SIGCONT):
            self.suspended_with_front = number == _signal.SIGTSTP
            signal_group(self.pid, number)

    def reap(self, now: float) -> None:
        """See which of our children ended or stopped."""
        if self.probing and self.status is None:
            self.attempt("see what computed", self.probing.program_ends)
        while True:
            try:
                pid, status, *usage = self.wait(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                if pid == self.pid and self.front and self.relay.master is not None and not self.suspended_with_front:
                    self.front.send(frames.STOPPED)
            elif pid == self.pid:
                self.status = status
                self.ended = self.last_data = now
                if usage:
                    self.peak_memory_bytes = usage[0].ru_maxrss * (1 if sys.platform == "darwin" else 1024)
                if self.usage:
                    used = usage[0].ru_utime + usage[0].ru_stime if usage else None
                    self.attempt("measure what the program used", self.usage.end, now, used)
                if self.probing:
                    self.probing.program_ended()
            elif self.probing and pid == self.probing.pid:
                self.probing.reaped(status)
            elif self.usage and pid == self.usage.pid:
                used = usage[0].ru_utime + usage[0].ru_stime if usage else 0.0
                self.attempt("measure what the program uses of GPUs", self.usage.reaped, status, used)
                self.next_usage = self.usage.due

    def finish(self, error: OSError | None) -> None:
        """Write outcome.json, and only then tell the front: it gets the outcome too, should no disk take it."""
        exit_code, signal = exit_of(self.status) if self.status is not None else (None, None)
        completed = exit_code == 0 and self.stopping.reason is None
        self.attempt("read the last lines", self.relay.close, self.ended - self.began, completed)
        if error is not None:
            exit_code = 127 if error.errno == errno.ENOENT else 126
        try:
            os.unlink(os.path.join(self.folder, ROOM))
        except OSError:
            pass
        outcome = {
            "started": self.started,
            "finished": self.started + (self.ended - self.began),
            "duration_s": self.ended - self.began,
            "exit_code": exit_code,
            "signal": signal,
            "stop": self.stopping.reason,
            "peak_memory_bytes": self.peak_memory_bytes,
            "rewritten": self.rewritten,
            "error": error.strerror if error is not None else None,
        }

        def tell() -> bytes:
            return fastjson.dumps({**outcome, "problems": self.disk.words()}).encode()

        content = self.disk.finish(runfolder.OUTCOME, tell)
        self.attempt("let go", os.close, self.lock)  # it says "running" to others, which is over
        if self.front:
            self.front.send(frames.FINISHED, content)
            self.attempt("say that it ended", self.front.flush_all)


def _listen() -> int:
    """Turn the signals meant for the program, and the ends of children, into bytes; return where to read them."""
    wake, waker = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(waker, False)
    _signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    _signal.signal(_signal.SIGCHLD, _ignore)
    for number in _HANDLED:
        # nohup, and shells without job control, start us with some of these ignored: so is the program then.
        if _signal.getsignal(number) is not _signal.SIG_IGN:
            _signal.signal(number, _ignore)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _HANDLED)
    return wake


def _ignore(number: int, frame: object) -> None:
    """The wake-up byte says it all."""
