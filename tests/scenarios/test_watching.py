"""A run while it runs: show, show --follow, watch. Real runs, real terminals."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import pexpect
import pytest
from harness import GITEXP, Lab, wait_for
from records import write_run

SLOW = """\
import json, os, sys, time
log = open(os.environ["GITEXP_METRICS"], "a", buffering=1)
for step in range(8):
    log.write(json.dumps({"step": step, "loss": 1 / (1 + step)}) + "\\n")
    print(f"\\rstep {step}\\x1b[2J", flush=True)
    sys.stdout.write(f"\\r{step} of 8")
    sys.stdout.flush()
    while not os.path.exists(f"go{step}"):
        time.sleep(0.02)
print("\\rdone      ")
"""


class Slow(NamedTuple):
    """The slow program at work."""

    lab: Lab
    id: str
    process: subprocess.Popen[str]

    def let_go(self) -> None:
        for step in range(8):
            (self.lab.path / f"go{step}").touch()
        self.process.communicate(timeout=60)


@pytest.fixture
def slow(lab: Lab) -> Iterator[Slow]:
    """A run that goes on when the file goN is there, seen to have said its first word."""
    lab.write("slow.py", SLOW)
    lab.write(".gitignore", "go*\n")
    lab.commit("a program")
    process = lab.start("run", "-m", "slow", "--", sys.executable, "slow.py")
    runs = lab.path / ".git" / "gitexp" / "runs"
    wait_for(lambda: any(b"of 8" in path.read_bytes() for path in runs.glob("*/output.head")))
    slow = Slow(lab, next(path.name for path in runs.iterdir() if len(path.name) == 16), process)
    yield slow
    slow.let_go()


def test_a_run_is_shown_as_far_as_it_is_with_its_last_lines(lab: Lab, slow: Slow) -> None:
    (lab.path / "go0").touch()
    wait_for(lambda: "1 of 8" in lab.gitexp("show", slow.id, "--output").stdout)
    page = lab.gitexp("show", slow.id).stdout
    assert "elapsed  " in page and "step 1 · loss 0.5" in page
    assert "output\n  step 0\\x1b[2J\n  step 1\\x1b[2J\n  1 of 8\nIt becomes a commit" in page
    told = lab.gitexp("show", slow.id, "--json").json["in_progress"]
    assert (told["step"], told["metrics"], "used" in told) == (1, {"loss": 0.5}, True)


def test_follow_prints_what_comes_and_says_how_it_ended(lab: Lab, slow: Slow) -> None:
    following = lab.start("show", slow.id, "--follow")
    assert following.stdout is not None
    assert following.stdout.readline() == "step 0\\x1b[2J\n"
    slow.let_go()
    out, err = following.communicate(timeout=60)
    assert out.splitlines() == [*(f"step {step}\\x1b[2J" for step in range(1, 8)), "done      "]
    assert (following.returncode, err.startswith(f"slow {slow.id} completed, took ")) == (0, True), err
    again = lab.gitexp("show", slow.id, "--follow")
    assert (again.exit_code, "done" in again.stdout) == (0, True)


def test_who_stops_following_leaves_the_run_alone(lab: Lab, slow: Slow) -> None:
    following = lab.start("show", "--follow")
    assert following.stdout is not None
    following.stdout.readline()
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=60)
    assert following.returncode == 130
    slow.let_go()
    assert lab.gitexp("show", slow.id, "--json").json["run"]["status"] == "completed"


def test_the_output_of_a_run_that_is_killed_is_followed_to_its_end(lab: Lab, slow: Slow) -> None:
    following = lab.start("show", slow.id, "--follow")
    assert following.stdout is not None
    following.stdout.readline()
    started = lab.path / ".git" / "gitexp" / "runs" / slow.id / "started.json"
    os.kill(json.loads(started.read_text())["pid"], signal.SIGKILL)
    _, err = following.communicate(timeout=60)
    assert (following.returncode, "failed (SIGKILL)" in err) == (0, True), err


def test_a_bar_on_a_terminal_is_drawn_in_place(lab: Lab, slow: Slow) -> None:
    screen = pexpect.spawn(GITEXP, ["show", slow.id, "--follow"], cwd=lab.path, env=lab.env, timeout=60)
    screen.expect_exact("step 0\\x1b[2J\r\n0 of 8")
    (lab.path / "go0").touch()
    screen.expect_exact("\r\x1b[Kstep 1\\x1b[2J\r\n1 of 8")
    slow.let_go()
    screen.expect_exact("completed")
    screen.expect(pexpect.EOF)


def test_watch_without_a_terminal_prints_the_page_once(lab: Lab, slow: Slow) -> None:
    assert lab.gitexp("run", "--", "true").exit_code == 0
    (lab.path / "go0").touch()
    wait_for(lambda: "loss  0.5  █▁" in lab.gitexp("watch").stdout)
    page = lab.gitexp("watch")
    assert (page.exit_code, page.stderr) == (0, "")
    assert page.stdout.startswith(f"1 run is in progress\n{slow.id[:8]}  running  ")
    assert "recorded last" in page.stdout and "completed" in page.stdout
    assert "recorded last" not in lab.gitexp("watch", slow.id[:6]).stdout
    assert lab.gitexp("watch", "true").stdout.startswith("nothing is running\n\nrecorded last\n")
    said = lab.gitexp("watch", "ture").stdout
    assert said == "nothing is running\nno run and no recipe is called ture, of those in progress and of the recorded\n"


def test_watch_of_a_repository_without_runs_says_so(lab: Lab) -> None:
    page = lab.gitexp("watch")
    assert (page.exit_code, page.stdout) == (0, "nothing is running\n")


def test_watch_on_a_narrow_terminal_sees_a_run_go_on_and_end_and_leaves_on_ctrl_c(lab: Lab, slow: Slow) -> None:
    env = {**lab.env, "TERM": "xterm", "NO_COLOR": "1"}
    watch = pexpect.spawn(
        GITEXP, ["watch", "--every", "0.2"], cwd=lab.path, env=env, dimensions=(12, 44), timeout=60, encoding="utf-8"
    )
    watch.expect_exact("1 run is in progress")
    (lab.path / "go0").touch()
    watch.expect_exact("█▁")
    watch.setwinsize(20, 100)
    slow.let_go()
    watch.expect_exact("nothing is running")
    watch.expect_exact("recorded last")
    watch.sendintr()
    watch.expect(pexpect.EOF)
    watch.close()
    assert (watch.exitstatus, watch.signalstatus) == (0, None)


def test_a_run_of_another_machine_is_watched_and_its_silence_is_said(lab: Lab) -> None:
    folder = lab.path / ".git" / "gitexp" / "runs" / "klmnopqrstuvwxyz"
    folder.mkdir(parents=True)
    who = {"pid": 1, "host": "elsewhere", "boot": "another", "space": "pid:[1]", "since": "1"}
    (folder / "submit.json").write_text(json.dumps({"recipe": "far", "argv": ["true"], "submitted": 1.0, **who}))
    (folder / "started.json").write_text(json.dumps({**who, "started": time.time() - 300}))
    (folder / "metrics.jsonl").write_text('{"step": 3, "loss": 2.5}\n')
    (folder / "output.head").write_text("far away\n")
    (folder / "worker.lock").write_text(json.dumps(who))
    page = lab.gitexp("watch")
    assert "\nklmnopqr  running  " in page.stdout
    assert "  far  step 3  elsewhere\n  loss  2.5\n" in page.stdout
    long_ago = time.time() - 120
    for path in (*folder.iterdir(), folder):
        os.utime(path, (long_ago, long_ago))
    assert "klmnopqr  silent" in lab.gitexp("watch").stdout
    following = lab.start("show", "klmn", "--follow")
    assert following.stderr is not None
    assert "no sign of life for a while" in following.stderr.readline()
    following.send_signal(signal.SIGINT)
    assert following.communicate(timeout=60)[0] == "far away\n"
    assert folder.exists()


def test_watch_shows_of_the_recorded_runs_those_that_fit(lab: Lab) -> None:
    for number, status in enumerate(("completed", "failed")):
        write_run(lab, f"kkkkllllmmmmnnn{'kl'[number]}", status=status, metrics={"loss": number}, recipe=f"r{number}")
    write_run(lab, "kkkkllllmmmmnnnm", kind="smoke", recipe="r0")
    for options, ids in {
        (): "kl",
        ("--smoke",): "klm",
        ("--where", "loss == 1"): "l",
        ("@r0",): "km",
        ("r1",): "l",
    }.items():
        shown = [line[:8] for line in lab.gitexp("watch", *options).stdout.splitlines() if line.startswith("kkkk")]
        assert len(shown) == len(ids), options
    bad = lab.gitexp("watch", "--where", "lss == 1")
    assert (bad.exit_code, "no run has 'lss'; did you mean loss?" in bad.stderr) == (1, True), bad.stderr
