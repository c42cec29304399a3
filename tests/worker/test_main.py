"""The worker alone: nobody attends, as after the submitting side was killed, or on a cluster."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import lives, wait_for
from jobs import environment, job, outcome, run_unattended, start_unattended

from gitexp import runfolder
from gitexp.worker.output import read_output


def test_a_program_that_succeeds(tmp_path: Path) -> None:
    before = time.time()
    told = run_unattended(job(tmp_path / "run", ["sh", "-c", "echo out; echo err >&2"]))
    assert told["exit_code"] == 0
    assert told["signal"] is told["stop"] is told["error"] is None
    assert told["problems"] == []
    assert before <= told["started"] <= told["finished"] <= time.time()
    assert told["duration_s"] == pytest.approx(told["finished"] - told["started"], abs=1e-3)
    assert told["peak_memory_bytes"] > 500_000
    assert sorted(read_output(str(tmp_path / "run")).split()) == [b"err", b"out"]


def test_started_says_where_the_program_runs(tmp_path: Path) -> None:
    run_unattended(job(tmp_path / "run", ["sh", "-c", "echo $$"]))
    started = json.loads((tmp_path / "run" / "started.json").read_text())
    assert started["pid"] == int(read_output(str(tmp_path / "run")))
    assert started["host"] == os.uname().nodename


def test_a_program_whose_start_cannot_be_noted_is_not_started(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["touch", "made"])
    (folder / "started.json").mkdir()
    assert start_unattended(folder).wait(60) == 70
    assert not (folder / "made").exists()
    assert "Unnoted: Is a directory: started.json" in (folder / "worker-error.txt").read_text()
    assert not (folder / "outcome.json").exists()


def test_the_start_is_noted_before_the_programs_first_instruction(tmp_path: Path) -> None:
    run_unattended(job(tmp_path / "run", ["cat", "started.json"]))
    assert json.loads(read_output(str(tmp_path / "run")))["host"] == os.uname().nodename


def test_the_exit_code_is_the_programs(tmp_path: Path) -> None:
    assert run_unattended(job(tmp_path / "run", ["sh", "-c", "exit 3"]))["exit_code"] == 3


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGPIPE"])
def test_a_program_that_dies_of_a_signal(tmp_path: Path, name: str) -> None:
    told = run_unattended(job(tmp_path / "run", ["sh", "-c", f"kill -{name[3:]} $$"]))
    assert (told["exit_code"], told["signal"], told["stop"]) == (None, name, None)


def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    told = run_unattended(job(tmp_path / "run", ["no-such-program"]))
    assert (told["exit_code"], told["error"]) == (127, "No such file or directory: 'no-such-program'")


def test_a_program_that_cannot_be_executed(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["./data.txt"])
    (folder / "data.txt").write_text("")
    told = run_unattended(folder)
    assert (told["exit_code"], told["error"]) == (126, "Permission denied: './data.txt'")


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    told = run_unattended(job(tmp_path / "run", ["true"], cwd=str(tmp_path / "gone")))
    assert (told["exit_code"], told["error"]) == (127, f"No such file or directory: '{tmp_path / 'gone'}'")


def test_the_program_gets_the_environment_added_to_ours(tmp_path: Path) -> None:
    folder = job(
        tmp_path / "run", ["sh", "-c", 'echo "$GITEXP_RUN_ID $HOME $GITEXP_STARTED"'], env={"GITEXP_RUN_ID": "kk"}
    )
    told = run_unattended(folder, env={**os.environ, "HOME": "/home/of/mine"})
    assert read_output(str(folder)).decode() == f"kk /home/of/mine {told['started']!r}\n"


def test_an_argument_that_is_not_utf_8_arrives_as_it_is(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["printf", "%s", "caf\udce9 é"])
    run_unattended(folder)
    assert read_output(str(folder)) == b"caf\xe9 \xc3\xa9"


def test_stdin_is_inherited(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sort"])
    worker = start_unattended(folder, stdin=subprocess.PIPE)
    worker.communicate(b"b\na\n", timeout=60)
    assert read_output(str(folder)) == b"a\nb\n"


def test_who_writes_to_stdin_notices_that_the_program_closed_it(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "exec <&-; touch closed; sleep 60"])
    worker = start_unattended(folder, stdin=subprocess.PIPE)
    wait_for((folder / "closed").exists)
    assert worker.stdin is not None
    with pytest.raises(BrokenPipeError):
        os.write(worker.stdin.fileno(), b"x")
    worker.terminate()
    worker.wait()
    worker.stdin.close()


def test_stdout_and_stderr_that_go_to_one_place_keep_their_order(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "for i in 1 2 3 4 5; do echo $i; echo $i >&2; done"], stderr="stdout")
    run_unattended(folder)
    assert read_output(str(folder)) == b"1\n1\n2\n2\n3\n3\n4\n4\n5\n5\n"


def test_ten_megabytes_of_output_take_64_kib(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "yes 0123456789 | head -c 10000000; echo; echo the end"])
    assert run_unattended(folder)["exit_code"] == 0
    text = read_output(str(folder))
    assert len(text) <= 65536
    assert text.endswith(b"\nthe end\n")
    assert sum(file.stat().st_size for file in folder.glob("output.*")) <= 136 * 1024


def test_a_daemon_that_keeps_the_pipe_does_not_keep_the_run(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "setsid sleep 60 & echo $!; echo done"])
    assert run_unattended(folder)["exit_code"] == 0
    pid, said = read_output(str(folder)).split()
    assert said == b"done"
    os.kill(int(pid), signal.SIGKILL)


def test_a_daemon_that_never_stops_talking_does_not_keep_the_run(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "yes & echo $! > pid"])
    assert run_unattended(folder)["exit_code"] == 0


def test_metrics_are_found_in_the_output(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["printf", "loss: 0.5\nloss: 0.25\n"], patterns={"loss": r"loss: (\S+)"})
    run_unattended(folder)
    rows = [json.loads(line) for line in (folder / "matched.jsonl").read_text().splitlines()]
    assert [(row.get("step"), row["loss"]) for row in rows] == [(None, 0.5), (None, 0.25)]


# Stopping


def started(folder: Path) -> subprocess.Popen[bytes]:
    """A worker whose program has made the file `ready`."""
    worker = start_unattended(folder)
    wait_for((folder / "ready").exists)
    return worker


def test_a_program_past_its_time_limit_is_asked_to_stop(tmp_path: Path) -> None:
    told = run_unattended(job(tmp_path / "run", ["sleep", "60"], timeout_s=0.1))
    assert (told["exit_code"], told["signal"], told["stop"]) == (None, "SIGTERM", "timeout")


def test_a_program_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    command = "trap 'echo no' TERM; while true; do sleep 0.05; done"
    told = run_unattended(job(tmp_path / "run", ["sh", "-c", command], timeout_s=0.2, grace_s=0.2))
    assert (told["signal"], told["stop"]) == ("SIGKILL", "timeout")
    assert b"no\n" in read_output(str(tmp_path / "run"))


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_to_the_worker_reaches_the_whole_group(tmp_path: Path, name: str) -> None:
    command = f'{sys.executable} -c \'import time; open("ready", "w"); time.sleep(60)\'; echo never'
    folder = job(tmp_path / "run", ["bash", "-c", command])
    worker = started(folder)
    worker.send_signal(signal.Signals[name])
    assert worker.wait(60) == 0
    told = outcome(folder)
    assert told["stop"] == name
    assert told["exit_code"] != 0
    assert b"never" not in read_output(str(folder))


def test_a_program_may_finish_its_work_when_stopped(tmp_path: Path) -> None:
    # dash says "Terminated" of its sleep, where it hears of that before it is told itself.
    script = "exec 2>/dev/null; trap 'echo saved; exit 5' TERM; sleep 60 & touch ready; wait"
    folder = job(tmp_path / "run", ["sh", "-c", script])
    worker = started(folder)
    worker.terminate()
    worker.wait(60)
    assert (outcome(folder)["exit_code"], outcome(folder)["stop"]) == (5, "SIGTERM")
    assert read_output(str(folder)) == b"saved\n"


def test_what_a_dead_shell_left_running_may_finish_too(tmp_path: Path) -> None:
    training = "trap 'sleep 0.5; echo saved > checkpoint; exit' TERM; touch ready; while true; do sleep 0.05; done"
    folder = job(tmp_path / "run", ["sh", "-c", 'sh -c "$0" > /dev/null 2>&1; true', training])
    worker = started(folder)
    worker.terminate()
    worker.wait(60)
    assert outcome(folder)["signal"] == "SIGTERM"
    assert (folder / "checkpoint").read_text() == "saved\n"


def test_a_first_ctrl_c_is_survived_and_a_third_kills(tmp_path: Path) -> None:
    command = "n=0; trap 'n=$((n+1)); touch seen-$n' INT; touch ready; while true; do sleep 0.02; done"
    folder = job(tmp_path / "run", ["bash", "-c", command])
    worker = started(folder)
    worker.send_signal(signal.SIGINT)
    wait_for((folder / "seen-1").exists)
    worker.send_signal(signal.SIGINT)
    wait_for((folder / "seen-2").exists)
    assert worker.poll() is None
    worker.send_signal(signal.SIGINT)
    worker.wait(60)
    assert (outcome(folder)["signal"], outcome(folder)["stop"]) == ("SIGKILL", "SIGINT")


def test_the_worker_killed_leaves_output_and_no_outcome(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "echo so far; touch ready; exec sleep 60"])
    worker = started(folder)
    wait_for(lambda: read_output(str(folder)))
    wait_for((folder / "started.json").exists)
    worker.kill()
    worker.wait()
    assert not (folder / "outcome.json").exists()
    assert not runfolder.is_held(str(folder), runfolder.WORKER_LOCK)
    assert read_output(str(folder)) == b"so far\n"
    os.kill(json.loads((folder / "started.json").read_text())["pid"], signal.SIGKILL)


def test_the_lock_is_held_while_the_program_runs_and_shows_signs_of_life(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "touch ready; read line; exit 0"])
    worker = start_unattended(folder, stdin=subprocess.PIPE)
    wait_for((folder / "ready").exists)
    assert runfolder.is_held(str(folder), runfolder.WORKER_LOCK)
    os.utime(folder / "worker.lock", (0, 0))
    wait_for(lambda: (folder / "worker.lock").stat().st_mtime > 0)
    worker.communicate(b"\n", timeout=60)
    assert not runfolder.is_held(str(folder), runfolder.WORKER_LOCK)


def test_a_metric_file_that_was_ever_shorter_than_at_the_start_is_named(tmp_path: Path) -> None:
    script = ": > a; rm b; touch ready; read line; echo longer > a; echo longer > b; echo more >> c"
    files = {name: [str(tmp_path / "run" / name), 4] for name in "abc"}
    folder = job(tmp_path / "run", ["sh", "-c", script], metric_files=files)
    for name in "abc":
        (folder / name).write_text("old\n")
    worker = start_unattended(folder, stdin=subprocess.PIPE)
    wait_for((folder / "ready").exists)
    for _ in "12":  # the first sign of life may be of a look before the script was ready
        os.utime(folder / "worker.lock", (0, 0))
        wait_for(lambda: (folder / "worker.lock").stat().st_mtime > 0)
    worker.communicate(b"\n", timeout=60)
    assert outcome(folder)["rewritten"] == ["a", "b"]


def test_the_worker_waits_while_a_recorder_looks(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["true"])
    lock = runfolder.lock(str(folder), runfolder.WORKER_LOCK)
    assert lock is not None
    worker = start_unattended(folder)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(0.3)
    assert not (folder / "started.json").exists()
    os.close(lock)
    assert worker.wait(60) == 0


def test_a_bug_in_the_worker_is_written_down(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["true"])
    (folder / "job.json").write_text("{}")
    assert start_unattended(folder).wait(60) == 70
    assert "KeyError: 'env'" in (folder / "worker-error.txt").read_text()


def test_no_child_outlives_a_stop(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", "sleep 60 & echo $! > child; touch ready; wait"])
    worker = started(folder)
    worker.terminate()
    worker.wait(60)
    assert not lives(int((folder / "child").read_text()))


# The probe


def test_the_programs_own_python_is_asked(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", [sys.executable, "-c", ""])
    run_unattended(folder)
    assert environment(folder)["probed"] == sys.executable
    assert environment(folder)["how"] == "argv"
    assert environment(folder)["result"]
    assert environment(folder)["error"] is None


def test_a_python_below_a_shell_is_found_and_asked(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["sh", "-c", '"$0" -c "input()"; true', sys.executable])
    worker = start_unattended(folder, stdin=subprocess.PIPE)
    wait_for(lambda: (folder / "environment.json").exists() and environment(folder)["probed"])
    worker.communicate(b"\n", timeout=60)
    assert (environment(folder)["probed"], environment(folder)["how"]) == (sys.executable, "process")


def test_a_program_without_python_is_not_credited_with_ours(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["true"])
    run_unattended(folder)
    assert (environment(folder)["probed"], environment(folder)["how"]) == (None, "none")
    assert environment(folder)["error"] is None
    assert environment(folder)["result"]
    assert sys.prefix not in (folder / "environment.json").read_text()


def test_a_python_that_cannot_be_asked_is_said_and_the_machine_is_still_known(tmp_path: Path) -> None:
    folder = job(tmp_path / "run", ["./python"])
    (folder / "python").write_text("#!/bin/sh\nexit 9\n")
    (folder / "python").chmod(0o755)
    assert run_unattended(folder)["exit_code"] == 9
    assert environment(folder)["probed"] is None
    assert environment(folder)["error"] == f"{folder}/./python: the probe ended with 9"
    assert environment(folder)["result"]
