"""Start a program in a process group of its own, and say how it ended.

fork and exec by hand: subprocess costs 12 ms to import here, and cannot make the new group the terminal's
foreground before the program's first instruction.
"""

from __future__ import annotations

# `signal` costs 5 ms (it loads enum); this is the C module that it wraps, with plain numbers for names.
import _signal  # type: ignore[import-not-found]
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_RESTORED = (_signal.SIGPIPE, _signal.SIGXFSZ)  # Python ignores these, and what is ignored stays so across exec

_UNNOTED = "note"


class Unnoted(Exception):
    """That the program starts could not be written down, so it was not started."""


ENDS = {
    number: name
    for name, number in vars(_signal).items()
    if name.startswith("SIG") and not name.startswith("SIG_") and isinstance(number, int)
}


def spawn(
    argv: list[str],
    *,
    env: dict[str, str],
    cwd: str,
    streams: tuple[int, int, int],
    terminal: int | None = None,
    note: Callable[[int], tuple[str, str]] | None = None,
    umask: int | None = None,
) -> int:
    """Start argv, found on env's PATH; its process id is also its group's. Raises OSError when it cannot be executed.

    `terminal`: the controlling terminal whose foreground group it becomes before it runs. `note` is called with the
    process id; the process itself renames the first of its two paths to the second as its last act before it becomes
    the program, so that no kill of ours leaves a program without the note, or the note without a program. Raises
    Unnoted where that cannot be done, and whatever `note` raises; then nothing has started.
    """
    gate_read, gate_write = os.pipe()
    try:
        failed_read, failed_write = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            os.close(failed_read)
            os.close(failed_write)
            raise
    except OSError:
        os.close(gate_read)
        os.close(gate_write)
        raise
    if pid == 0:
        os.close(gate_write)  # ours would keep the gate from closing with the worker
        _become(argv, env, cwd, streams, gate_read, failed_write, umask)
    os.close(gate_read)
    os.close(failed_write)
    try:
        os.setpgid(pid, pid)
        if terminal is not None:
            os.tcsetpgrp(terminal, pid)
    except OSError:
        pass  # it is already gone
    try:
        paths = "\0".join(note(pid)) if note is not None else ""
        os.write(gate_write, b"!" + os.fsencode(paths))  # far less than a pipe holds, so it comes whole
    except BaseException:
        os.close(gate_write)
        os.close(failed_read)
        os.waitpid(pid, 0)
        raise
    os.close(gate_write)
    with open(failed_read, "rb", buffering=0) as failed:
        failure = os.fsdecode(failed.read())  # ends with exec, which closes the other end
    if failure:
        os.waitpid(pid, 0)
        number, _, text = failure.partition(":")
        raise Unnoted(text) if number == _UNNOTED else OSError(int(number), text)
    return pid


def _become(
    argv: list[str],
    env: dict[str, str],
    cwd: str,
    streams: tuple[int, int, int],
    gate: int,
    failed: int,
    umask: int | None,
) -> None:
    """In the child: turn into the program, or say why not. Never returns."""
    try:
        _signal.set_wakeup_fd(-1)
        os.setpgid(0, 0)
        opened = os.read(gate, 16384)
        if not opened:
            os._exit(127)  # the worker died first, or could not note us: nothing has started
        if umask is not None:
            os.umask(umask)
        for number in _RESTORED:
            _signal.signal(number, _signal.SIG_DFL)
        for target, fd in enumerate(streams):
            os.dup2(fd, target)
        try:
            os.chdir(cwd)
        except OSError as error:
            os.write(failed, os.fsencode(f"{error.errno}:{error.strerror}: {cwd!r}"))
            os._exit(127)
        if len(opened) > 1:
            _note(opened[1:], failed)
        os.execvpe(argv[0], argv, env)
    except OSError as error:
        os.write(failed, os.fsencode(f"{error.errno}:{error.strerror}: {argv[0]!r}"))
    except BaseException as error:  # noqa: BLE001  # a child must never go on as a second worker
        os.write(failed, os.fsencode(f"0:{error}"))
    os._exit(127)


def _note(paths: bytes, failed: int) -> None:
    """From here on there is a run."""
    starting, started = paths.split(b"\0")
    try:
        os.rename(starting, started)
    except OSError as error:
        name = os.fsdecode(os.path.basename(started))
        os.write(failed, os.fsencode(f"{_UNNOTED}:{error.strerror}: {name}"))
        os._exit(127)


def signal_group(group: int, number: int) -> bool:
    """Send a signal to a whole process group. False when nobody is left in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # members that changed their user; the others got it
    return True


def group_lives(group: int) -> bool:
    """Whether anybody in a process group still runs. The dead do not count: in many containers nobody reaps."""
    return signal_group(group, 0) and _members(group) != []


def group_is_of_run(group: int, run_id: str) -> bool:
    """Whether somebody of the run that had this group still runs in it; the number may be another's by now.

    Needs /proc; without it, and for processes of other users, the answer is no.
    """
    mark = f"GITEXP_RUN_ID={run_id}".encode()
    for process in _members(group) or ():
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                if mark in file.read().split(b"\0"):
                    return True
        except OSError:
            continue
    return False


def _members(group: int) -> list[str] | None:
    """The processes of a group that are not dead. None where there is no /proc."""
    try:
        processes = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return None
    found = []
    for process in processes:
        try:
            with open(f"/proc/{process}/stat", "rb") as file:
                state, _, member_of = file.read().rpartition(b")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(member_of) == group and state not in (b"Z", b"X"):
            found.append(process)
    return found if processes else None


def exit_of(status: int) -> tuple[int | None, str | None]:
    """(exit code, None) or (None, "SIGKILL") of a wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return None, ENDS.get(number, f"SIG{number}")
    return os.WEXITSTATUS(status), None
