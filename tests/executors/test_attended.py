"""A run attended from a process without a terminal: pipes, signals, and the death of either side."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from harness import lives, wait_for
from jobs import DRIVE, drive, environ, job, outcome

from gitexp.worker.output import read_output


def start(folder: Path, **popen: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(DRIVE), str(folder)]
    return subprocess.Popen(command, env=environ(), stdin=subprocess.DEVNULL, **popen)  # type: ignore[call-overload]


def started(folder: Path, **popen: object) -> "subprocess.Popen[bytes]":
    """A front whose program has made the file `ready`."""
    front = start(folder, **popen)
    wait_for((folder / "ready").exists)
    wait_for((folder / "started.json").exists)
    return front


def worker_of(folder: Path) -> int:
    """The parent of the program."""
    program = (folder / "started.json").read_text().split('"pid": ')[1].split(",")[0]
    return int(Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()[1])


def test_stdout_and_stderr_pass_through_byte_by_byte(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", r"printf 'o\000\377\r\n'; printf 'e\033[31m' >&2"])
    done = drive(folder, capture_output=True, stdin=subprocess.DEVNULL)
    assert done.stdout == b"o\x00\xff\r\n"
    assert done.stderr == b"e\x1b[31m"


def test_ten_megabytes_pass_through_whole(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "yes 0123456789 | head -c 10000000"])
    done = drive(folder, capture_output=True, stdin=subprocess.DEVNULL)
    assert len(done.stdout) == 10_000_000
    assert outcome(folder)["exit_code"] == 0


def test_stdin_is_the_programs(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sort"])
    assert drive(folder, input=b"b\na\n", stdout=subprocess.PIPE).stdout == b"a\nb\n"


def test_a_program_sees_no_terminal_where_we_have_none(tmp_path: Path) -> None:
    program = "import os; print(*(os.isatty(fd) for fd in (0, 1, 2)))"
    folder = job(tmp_path / "run", [sys.executable, "-c", program])
    assert drive(folder, capture_output=True, stdin=subprocess.DEVNULL).stdout == b"False False False\n"


def test_stdin_may_be_closed(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["cat"])
    command = ["sh", "-c", '"$0" "$1" "$2" <&-', sys.executable, str(DRIVE), str(folder)]
    subprocess.run(command, env=environ(), timeout=60, check=True)
    assert outcome(folder)["exit_code"] == 0


def test_stdout_may_be_closed(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["echo", "hello"])
    command = ["sh", "-c", '"$0" "$1" "$2" >&- </dev/null', sys.executable, str(DRIVE), str(folder)]
    subprocess.run(command, env=environ(), timeout=60, check=True)
    assert outcome(folder)["exit_code"] == 0
    assert read_output(str(folder)) == b"hello\n"


def test_a_reader_that_goes_away_does_not_stop_the_run(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "seq 1 100000; echo end > finished"])
    front = start(folder, stdout=subprocess.PIPE)
    assert front.stdout is not None
    front.stdout.read(10)
    front.stdout.close()
    assert front.wait(60) == 0
    assert (folder / "finished").exists()
    assert read_output(str(folder)).endswith(b"\n100000\n")


def test_a_slow_reader_slows_the_program_as_a_plain_pipe_does(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "head -c 20000000 /dev/zero; touch finished"])
    front = start(folder, stdout=subprocess.PIPE)
    wait_for(lambda: len(list(folder.glob("output.tail.*"))) == 3)
    assert not (folder / "finished").exists()
    assert front.stdout is not None
    assert len(front.stdout.read()) == 20_000_000
    front.stdout.close()
    assert front.wait(60) == 0
    assert outcome(folder)["exit_code"] == 0


def test_a_signal_reaches_the_program_even_while_nobody_reads(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "touch ready; exec cat /dev/zero"])
    front = started(folder, stdout=subprocess.PIPE)
    wait_for(lambda: len(list(folder.glob("output.tail.*"))) == 3)
    front.send_signal(signal.SIGTERM)
    wait_for((folder / "outcome.json").exists)
    assert (outcome(folder)["signal"], outcome(folder)["stop"]) == ("SIGTERM", "SIGTERM")
    reader = threading.Thread(target=front.communicate)
    reader.start()
    reader.join(60)
    assert front.returncode == 0


def test_signals_to_the_front_are_for_the_program(tmp_path: Path) -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        folder = job(tmp_path / name, ["sh", "-c", "touch ready; exec sleep 60"])
        front = started(folder)
        front.send_signal(signal.Signals[name])
        assert front.wait(60) == 0
        assert (outcome(folder)["signal"], outcome(folder)["stop"]) == (name, name)


def test_nohup_keeps_a_run_alive(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "touch ready; while [ ! -e go ]; do sleep 0.02; done; exit 7"])
    command = ["nohup", sys.executable, str(DRIVE), str(folder)]
    front = subprocess.Popen(command, env=environ(), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for((folder / "ready").exists)
    front.send_signal(signal.SIGHUP)
    (folder / "go").touch()
    assert front.wait(60) == 0
    assert (outcome(folder)["exit_code"], outcome(folder)["stop"]) == (7, None)


def test_the_front_killed_leaves_a_run_that_finishes(tmp_path: Path) -> None:
    command = "touch ready; while [ ! -e go ]; do sleep 0.02; done; echo said alone; exit 4"
    folder = job(tmp_path / "run", ["sh", "-c", command])
    front = started(folder)
    front.kill()
    front.wait()
    (folder / "go").touch()
    wait_for((folder / "outcome.json").exists)
    assert outcome(folder)["exit_code"] == 4
    assert read_output(str(folder)) == b"said alone\n"


def test_the_worker_killed_ends_the_attendance_without_an_outcome(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "echo $$ > pid; touch ready; exec sleep 60"])
    front = started(folder)
    os.kill(worker_of(folder), signal.SIGKILL)
    assert front.wait(60) == 0
    assert not (folder / "outcome.json").exists()
    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)


def test_suspending_the_front_suspends_the_program(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "echo $$ > pid; touch ready; exec sleep 60"])
    front = started(folder, process_group=0)  # with a parent in its session: a job of ours
    program = int((folder / "pid").read_text())
    front.send_signal(signal.SIGTSTP)
    wait_for(lambda: "\nState:\tT" in Path(f"/proc/{program}/status").read_text())
    wait_for(lambda: "\nState:\tT" in Path(f"/proc/{front.pid}/status").read_text())
    front.send_signal(signal.SIGCONT)
    wait_for(lambda: "\nState:\tT" not in Path(f"/proc/{program}/status").read_text())
    front.send_signal(signal.SIGTERM)
    assert front.wait(60) == 0
    assert not lives(program)


def test_a_suspension_that_nobody_could_undo_is_none(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "touch ready; while [ ! -e go ]; do sleep 0.02; done"])
    front = started(folder, start_new_session=True)  # no job control there
    front.send_signal(signal.SIGTSTP)
    (folder / "go").touch()
    assert front.wait(60) == 0
    assert outcome(folder)["exit_code"] == 0
