"""Runs done once more from their record alone, in a working tree of their own that leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from contract.reader import breaches
from harness import Lab, Result, until_over, wait_for, written

TRAIN = """\
import json, os, pathlib, subprocess
rows = [float(x) for x in pathlib.Path("data/rows.csv").read_text().split()]
seed = int(os.environ["GITEXP_SEED"])
with open(os.environ["GITEXP_METRICS"], "a") as file:
    for step in range(3):
        file.write(json.dumps({"step": step, "loss": sum(rows) / (step + seed)}) + "\\n")
pathlib.Path(os.environ["GITEXP_OUTPUT"], "weights.bin").write_bytes(repr(rows).encode())
print("at", subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout)
"""
RECIPE = """\
seed = 3
[run]
command = ["python", "train.py"]
[data]
rows = "./data/rows.csv"
"""


@pytest.fixture
def ready(lab: Lab) -> Lab:
    """A program with a recipe, and a dataset that git ignores."""
    lab.write("train.py", TRAIN)
    lab.write("recipes/r.toml", RECIPE)
    lab.write(".gitignore", "data/\n")
    lab.write("data/rows.csv", "1\n2\n")
    lab.commit("a program")
    return lab


def ran(lab: Lab, *args: str) -> str:
    """Record a run; its id."""
    done = lab.gitexp("run", "--json", *args)
    assert done.exit_code == 0, done.stderr
    found: str = done.json["run"]["id"]
    return found


def rerun(lab: Lab, *args: str) -> Result:
    """Do a run once more; nothing of it is left besides its record."""
    before = lab.state()
    done = lab.gitexp("rerun", *args)
    assert lab.state() == before
    assert left_behind(lab) == []
    return done


def left_behind(lab: Lab) -> list[Path]:
    git = Path(lab.git("rev-parse", "--path-format=absolute", "--git-common-dir").strip())
    return [*(git / "gitexp" / "runs").glob("*"), *git.glob("worktrees")]


def record(lab: Lab, rev: str = "experiments") -> dict[str, object]:
    return tomllib.loads(lab.show(f"{rev}:run.toml"))


def test_a_run_is_done_once_more_from_its_record_wherever_the_working_tree_stands(ready: Lab) -> None:
    first = ran(ready, "r")
    original = ready.git("rev-parse", "experiments").strip()
    ready.write("train.py", "raise SystemExit('the code of today')\n")
    ready.write("recipes/r.toml", "nonsense")
    ready.commit("all is different by now")
    ready.write("train.py", "raise SystemExit('what is being typed')\n")
    done = rerun(ready, first[:8])
    assert done.exit_code == 0, done.stderr
    again = record(ready)
    assert (again["kind"], again["reproduces"], again["seed"]) == ("rerun", first, 3)
    assert again["argv"] == record(ready, original)["argv"]
    assert again["code"] == record(ready, original)["code"]
    for same in ("code", "recipe.toml", "data.toml", "metrics.toml", "artifacts.xxh128"):
        assert ready.git("rev-parse", f"experiments:{same}") == ready.git("rev-parse", f"{original}:{same}")
    assert f"Gitexp-Reproduces: {first}\n" in ready.git("log", "-1", "--format=%B", "experiments")
    assert "defects" not in again
    verdict = tomllib.loads(ready.show("experiments:verdict.toml"))
    assert (verdict["run"], verdict["commit"], verdict["grade"]) == (first, f"sha1:{original}", "bitwise")
    assert "Gitexp-Verdict: bitwise\n" in ready.git("log", "-1", "--format=%B", "experiments")
    assert f"reproduces {first}: bitwise, " in done.stderr
    assert breaches(ready.path) == []


def test_a_rerun_that_comes_out_otherwise_says_so_and_exits_with_1(ready: Lab) -> None:
    ready.write("train.py", TRAIN.replace("(step + seed)", "(step + seed) * float(os.environ.get('FACTOR', 1))"))
    ready.commit("a program that listens")
    first = ran(ready, "r")
    done = rerun(Lab(ready.path, {**ready.env, "FACTOR": "2"}), first)
    assert done.exit_code == 1
    assert f"does not reproduce {first}: different, " in done.stderr
    assert rerun(ready, first).exit_code == 0


def test_a_failed_run_is_reproduced_when_it_fails_in_the_same_way(ready: Lab) -> None:
    ready.write("train.py", TRAIN + "raise ValueError(os.environ.get('WORD', 'no rows'))\n")
    ready.commit("a program that fails")
    assert ready.gitexp("run", "r").exit_code == 4
    assert rerun(ready, "latest").exit_code == 0
    assert rerun(Lab(ready.path, {**ready.env, "WORD": "other"}), "latest~1").exit_code == 1


def test_a_rerun_of_what_has_gone_meanwhile_is_recorded_without_a_verdict(ready: Lab) -> None:
    ready.write("train.py", TRAIN + "os.environ.get('GONE') and subprocess.run(os.environ['GONE'], shell=True)\n")
    ready.commit("a program")
    first = ran(ready, "r")
    commit = ready.git("rev-parse", "experiments:run.toml").strip()
    gone = f"rm {ready.path}/.git/objects/{commit[:2]}/{commit[2:]}"
    done = ready.gitexp("rerun", first, GONE=gone)
    assert done.exit_code == 1
    assert "there is no verdict, because the run that was done once more cannot be read" in done.stderr


def test_the_tree_of_a_dirty_run_is_dirty_in_the_same_way(ready: Lab) -> None:
    ready.write("helper.py", "x = 1\n")
    ready.write("train.py", TRAIN + "import helper\n")
    (ready.path / "README").unlink()
    first = ran(ready, "--no-verify", "r")
    original = ready.git("rev-parse", "experiments").strip()
    ready.git("checkout", "-q", "--", ".")
    (ready.path / "helper.py").unlink()
    done = rerun(ready, first)
    assert done.exit_code == 0, done.stderr
    again = record(ready)
    assert again["code"] == record(ready, original)["code"]
    assert ready.git("rev-parse", "experiments:code") == ready.git("rev-parse", f"{original}:code")
    assert "-dirty" in ready.show("experiments:output.log")


# ---- kills


HELD = """
mark, wait = os.environ.get("MARK"), os.environ.get("WAIT")
if mark:
    pathlib.Path(mark).write_text(f"{os.getppid()} {os.getpid()}\\n")
    while os.path.exists(wait):
        __import__("time").sleep(0.02)
"""
HOOK = """#!/bin/sh
[ "$1" = "$HOLD" ] && grep -q refs/heads/experiments || exit 0
echo $$ >../mark; while [ -e ../wait ]; do sleep 0.02; done
exit 0
"""


class Held(NamedTuple):
    """A rerun that is kept from going on at some point."""

    process: subprocess.Popen[str]
    pids: list[int]  # of the worker and the program, or of a git process
    wait: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def go_on(self) -> None:
        self.wait.unlink()


@pytest.fixture
def long(ready: Lab) -> Lab:
    """A recorded run of a program that can be kept waiting."""
    ready.write("train.py", TRAIN + HELD)
    ready.write(".gitattributes", "*.slow filter=slow\n")
    ready.write("a.slow", "slow\n")
    ready.commit("a program that waits")
    ran(ready, "r")
    return ready


def held(lab: Lab, **env: str) -> Held:
    """A rerun that waits where the environment says that it is to."""
    mark, wait = lab.path.parent / "mark", lab.write("../wait", "")
    where = env or {"MARK": str(mark), "WAIT": str(wait)}
    process = Lab(lab.path, {**lab.env, **where}).start("rerun", "latest")
    return Held(process, written(mark), wait)


def laid_out_slowly(lab: Lab) -> Held:
    """Held while its working tree is laid out, by a git that goes on when gitexp is killed."""
    mark, wait = lab.path.parent / "mark", lab.path.parent / "wait"
    script = f"echo $$ >{mark}; while [ -e {wait} ]; do sleep 0.02; done; cat"
    lab.git("config", "filter.slow.smudge", script)
    return held(lab, NOTHING="")


def until_all_is_over(lab: Lab, going: Held) -> None:
    wait_for(lambda: not any(Path(f"/proc/{pid}/cwd").exists() for pid in going.pids))
    until_over(lab)


@pytest.mark.long
def test_killed_while_its_tree_is_laid_out_nothing_is_left_once_git_is_through(long: Lab) -> None:
    before = long.state()
    going = laid_out_slowly(long)
    going.kill()
    assert long.gitexp("status").exit_code == 0  # git still writes there
    assert len(left_behind(long)) == 2
    going.go_on()
    wait_for(lambda: long.gitexp("status").exit_code == 0 and left_behind(long) == [])
    assert len(long.runs()) == 1
    assert long.state() == before


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_its_tree_is_laid_out_nothing_is_left(long: Lab, number: int) -> None:
    going = laid_out_slowly(long)
    going.process.send_signal(number)
    going.go_on()
    going.process.communicate(timeout=20)
    assert going.process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[signal.Signals(number)]
    assert left_behind(long) == []
    assert len(long.runs()) == 1


@pytest.mark.long
def test_killed_while_its_program_runs_it_is_recorded_by_the_next_command(long: Lab) -> None:
    going = held(long)
    going.kill()
    assert [run["state"] for run in long.gitexp("status", "--json").json["runs"]] == ["running"]
    going.go_on()
    until_all_is_over(long, going)
    assert "recorded r " in long.gitexp("status").stderr
    assert left_behind(long) == []
    assert [record(long)["kind"], len(long.runs())] == ["rerun", 2]
    assert tomllib.loads(long.show("experiments:verdict.toml"))["grade"] == "bitwise"
    assert breaches(long.path) == []


@pytest.mark.long
def test_with_its_worker_killed_the_rerun_has_failed_and_nothing_is_left(long: Lab) -> None:
    going = held(long)
    os.kill(going.pids[0], signal.SIGKILL)
    going.process.communicate(timeout=30)
    assert going.process.returncode == 1
    assert left_behind(long) == []
    assert tomllib.loads(long.show("experiments:verdict.toml"))["grade"] == "failed"


@pytest.mark.long
def test_with_command_worker_and_program_killed_what_there_is_is_recorded_once(long: Lab) -> None:
    going = held(long)
    going.kill()
    for pid in going.pids:
        os.kill(pid, signal.SIGKILL)
    until_all_is_over(long, going)
    assert "recorded r " in long.gitexp("status").stderr
    assert left_behind(long) == []
    assert [record(long)["status"], record(long)["kind"], len(long.runs())] == ["crashed", "rerun", 2]
    assert "recorded" not in long.gitexp("log").stderr


@pytest.mark.long
@pytest.mark.parametrize("when", ["prepared", "committed"])
def test_killed_while_it_is_recorded_it_is_recorded_once(long: Lab, when: str) -> None:
    hook = long.write(".git/hooks/reference-transaction", HOOK)
    hook.chmod(0o755)
    going = held(long, HOLD=when)
    going.kill()
    going.go_on()
    until_all_is_over(long, going)
    wait_for(lambda: long.gitexp("status").exit_code == 0 and left_behind(long) == [])
    assert len(long.runs()) == 2
    assert breaches(long.path) == []


@pytest.mark.long
def test_ctrl_c_is_recorded_and_leaves_nothing(long: Lab) -> None:
    going = held(long)
    going.process.send_signal(signal.SIGINT)
    going.process.communicate(timeout=20)
    assert going.process.returncode == 130
    assert left_behind(long) == []
    assert record(long)["status"] == "interrupted"


@pytest.mark.long
def test_two_reruns_of_a_run_at_once_do_not_disturb_each_other(long: Lab) -> None:
    processes = [long.start("rerun", "latest") for _ in range(2)]
    for process in processes:
        _, words = process.communicate(timeout=60)
        assert process.returncode == 0, words
    assert left_behind(long) == []
    assert len(long.runs()) == 3
    assert all("defects" not in record(long, commit) for commit in long.runs())
